#!/bin/sh
# Google's ADK counts `max_llm_calls` anew for each use of an agent as a tool: a run of at most 5 calls makes 25.
#
# Guess: a run's `max_llm_calls` bounds the model calls of the run, those of agents that it uses as tools among them.
# Seen:  at most 5: an agent makes 5 calls, four of which use a second one, which makes 5 each time; no error.
set -eu
sed -n '2,5s/^# *//p' "$0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check google-adk==2.13.0
cat >"$folder/seen.py" <<'END'
import asyncio
import importlib.metadata
import logging
import sys
import warnings
from collections import Counter

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types

MOST = 5
calls = Counter()


class Model(BaseLlm):
    """Asks for its tool four times, then answers."""

    tool: str
    arguments: dict = {}

    async def generate_content_async(self, llm_request, stream=False):
        calls[self.model] += 1
        wanted = types.FunctionCall(name=self.tool, args=self.arguments)
        last = calls[self.model] % MOST == 0
        part = types.Part(text="done") if last else types.Part(function_call=wanted)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def look() -> str:
    """Looks."""
    return "seen"


async def run(agent):
    """The error of a run of at most five model calls; None where there is none."""
    runner = InMemoryRunner(agent=agent, app_name="a")
    session = await runner.session_service.create_session(app_name="a", user_id="u")
    asked = types.Content(role="user", parts=[types.Part(text="hello")])
    config = RunConfig(max_llm_calls=MOST)
    try:
        async for _ in runner.run_async(
            user_id="u", session_id=session.id, new_message=asked, run_config=config
        ):
            pass
    except Exception as error:
        return error


second = LlmAgent(name="second", model=Model(model="second", tool="look"), tools=[look])
first = LlmAgent(
    name="first",
    model=Model(model="first", tool="second", arguments={"request": "go"}),
    tools=[AgentTool(agent=second)],
)
error = asyncio.run(run(first))
print("google-adk", importlib.metadata.version("google-adk"))
print(f"at most {MOST} calls; made {sum(calls.values())}: {dict(calls)}; error: {error}")
sys.exit(not (error is None and calls == {"first": 5, "second": 20}))
END
"$folder/venv/bin/python" "$folder/seen.py"
