"""
Alibaba Model Studio, which is DashScope: OpenAI's API, Anthropic's, and its own.

A request comes in, what it asks for goes out; an answer comes in, its usage goes out. It never
takes thought for a part of an answer's limit.
"""
