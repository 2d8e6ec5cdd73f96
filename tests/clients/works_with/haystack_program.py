"""Haystack: haystack_program.py run|stream."""

import sys

from haystack import Pipeline
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage

show = (lambda chunk: print(chunk.content, end="")) if sys.argv[1] == "stream" else None
pipeline = Pipeline()
pipeline.add_component("model", OpenAIChatGenerator(model="gpt-4o-mini", streaming_callback=show))
print(pipeline.run({"model": {"messages": [ChatMessage.from_user("Say hello.")]}}))
