"""LightRAG: the function that its indexing and its questions ask a model with."""

import asyncio

from lightrag.llm.openai import gpt_4o_mini_complete, openai_complete_if_cache

assert gpt_4o_mini_complete
print(asyncio.run(openai_complete_if_cache("gpt-4o-mini", "Say hello.")))
