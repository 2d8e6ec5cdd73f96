"""Swarms: one agent, one loop."""

from swarms import Agent

print(Agent(agent_name="greeter", model_name="gpt-4o-mini", max_loops=1).run("Say hello."))
