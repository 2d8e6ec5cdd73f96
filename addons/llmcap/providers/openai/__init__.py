"""
OpenAI's API, and the formats that others have taken over from it.

Requests and answers of api.openai.com come in; what is asked, used and ordered goes out. Never
knows another vendor: what differs elsewhere is a row or a file of theirs.
"""
