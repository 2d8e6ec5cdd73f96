"""Inspect: inspect_program.py MODEL, which retries for ever unless it is told not to."""

import asyncio
import sys

from inspect_ai.model import get_model

print(asyncio.run(get_model(sys.argv[1]).generate("Say hello.")).completion)
