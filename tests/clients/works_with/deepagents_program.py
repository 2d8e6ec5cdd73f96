"""Deep Agents: one task."""

from deepagents import create_deep_agent

agent = create_deep_agent(model="openai:gpt-4o-mini")
answer = agent.invoke({"messages": [{"role": "user", "content": "Say hello."}]})
print(answer["messages"][-1].content)
