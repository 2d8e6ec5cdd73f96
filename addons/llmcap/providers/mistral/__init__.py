"""
Mistral's API: chats, agents, documents, sound and batches.

Requests and answers come in; what is asked, used and ordered goes out. Never knows another vendor,
but for the formats that it shares with OpenAI.
"""
