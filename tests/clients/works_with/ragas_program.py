"""Ragas: a metric that asks a model."""

import asyncio

from openai import AsyncOpenAI
from ragas.llms import llm_factory
from ragas.metrics import DiscreteMetric

llm = llm_factory("gpt-4o-mini", client=AsyncOpenAI())
metric = DiscreteMetric(name="hello", allowed_values=["pass", "fail"], prompt="Judge: {response}")
print(asyncio.run(metric.ascore(llm=llm, response="Say hello.")))
