"""
Whether LLMCap can do its work here: `llmcap doctor` and how it finds out.

A command and its environment come in; out go findings, each with the next move. A checkup never
spends: what a command that is tried asks of a provider is noted and refused.
"""
