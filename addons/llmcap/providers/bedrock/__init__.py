"""
Amazon Bedrock: Converse, the models' own formats behind Invoke, and what is made in its console.

Requests, answers and event streams come in; what is asked and used goes out. Never sees a
credential: requests are signed by who sends them.
"""
