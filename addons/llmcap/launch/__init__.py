"""
Programs and proxies that LLMCap starts itself: `llmcap run`, `llmcap up`, the service.

A command or a socket comes in, with its settings; out goes a proxy that serves, and a program whose
environment points at it. It never decides about a call, and never leaves a proxy behind that
nobody asked to stay.
"""
