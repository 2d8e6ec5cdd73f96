"""Whether LLMCap can do its work here: `llmcap doctor` and how it finds out."""
