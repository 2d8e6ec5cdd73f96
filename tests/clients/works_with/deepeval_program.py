"""DeepEval: a judge's marks for one answer."""

from deepeval.metrics import GEval
from deepeval.test_case import LLMTestCase, SingleTurnParams

metric = GEval(
    name="Polite",
    evaluation_steps=["See whether the answer is polite."],
    evaluation_params=[SingleTurnParams.ACTUAL_OUTPUT],
    model="gpt-4o-mini",
    async_mode=False,
)
metric.measure(LLMTestCase(input="Say hello.", actual_output="Hello."))
print(metric.score)
