"""
Anthropic's API: messages, and batches of them.

Requests and answers of api.anthropic.com come in, and those of clouds that speak its format; what
is asked and used goes out. Never knows which cloud that is.
"""
