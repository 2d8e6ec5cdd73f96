"""LangChain's packages for further vendors: langchain_more_program.py invoke|stream groq|cohere."""

import sys

how, vendor = sys.argv[1:]
if vendor == "groq":
    from langchain_groq import ChatGroq

    model = ChatGroq(model="llama-3.1-8b-instant", api_key="fake")
else:
    from langchain_cohere import ChatCohere

    model = ChatCohere(model="command-a-03-2025", cohere_api_key="fake")
if how == "stream":
    for chunk in model.stream("Say hello."):
        print(chunk.content, end="")
else:
    print(model.invoke("Say hello.").content)
