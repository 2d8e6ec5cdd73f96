"""LLMCap: a spend firewall for LLM APIs, as a mitmproxy addon."""
