"""Programs and proxies that LLMCap starts itself: `llmcap run`, `llmcap up`, the service."""
