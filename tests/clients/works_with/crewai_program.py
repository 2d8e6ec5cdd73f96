"""CrewAI: crewai_program.py AGENTS [stream], each with a task of its own."""

import sys

from crewai import LLM, Agent, Crew, Task

llm = LLM(model="openai/gpt-4o-mini", stream="stream" in sys.argv)
agents = [
    Agent(role=f"greeter {number}", goal="greet", backstory="a greeter", llm=llm)
    for number in range(int(sys.argv[1]))
]
tasks = [Task(description="Say hello.", expected_output="hello", agent=agent) for agent in agents]
print(Crew(agents=agents, tasks=tasks).kickoff())
