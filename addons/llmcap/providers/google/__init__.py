"""
Gemini's API and Vertex: generation, its files and caches, batches, live sessions.

Requests and answers come in; what is asked, used and ordered goes out. Never knows another vendor,
but for the formats that Vertex sells in their own.
"""
