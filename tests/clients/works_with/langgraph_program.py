"""LangGraph: langgraph_program.py run|stream PROVIDER:MODEL, an agent with a tool."""

import sys

from langchain.agents import create_agent

how, model = sys.argv[1:]


def weather(city: str) -> str:
    """What the weather is in a city."""
    return f"sunny in {city}"


agent = create_agent(model, tools=[weather])
asked = {"messages": [{"role": "user", "content": "Say hello."}]}
if how == "stream":
    for part in agent.stream(asked, stream_mode="messages"):
        print(part)
else:
    print(agent.invoke(asked)["messages"][-1].content)
