"""
xAI's API, over HTTP and over gRPC.

Requests and answers come in, as JSON or as messages; what is asked and used goes out, and the bill
that xAI tells itself. Never knows another vendor, but for the formats that it shares with OpenAI.
"""
