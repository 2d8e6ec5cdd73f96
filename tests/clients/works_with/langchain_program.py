"""LangChain: langchain_program.py invoke|stream openai|google|anthropic."""

import sys

how, provider = sys.argv[1:]
if provider == "openai":
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-4o-mini")
elif provider == "google":
    from langchain_google_genai import ChatGoogleGenerativeAI

    model = ChatGoogleGenerativeAI(model="gemini-2.5-flash")
else:
    from langchain_anthropic import ChatAnthropic

    model = ChatAnthropic(model="claude-haiku-4-5")

if how == "stream":
    for chunk in model.stream("Say hello."):
        print(chunk.content, end="")
else:
    print(model.invoke("Say hello.").content)
