"""
What a vendor puts in front of a prompt by itself, and bills: no byte of the request shows it.

A row says the most for calls with tools and without, and where that is from: the vendor's page, or
what its answers were billed above the text that was sent. It follows the model, wherever that is
sold, as the template is the model's; some sellers add a prompt of their own.
"""

import re
from functools import lru_cache
from typing import NamedTuple


class Added(NamedTuple):
    """Tokens of input that a call reads besides what it sends."""

    plain: int  # without tools
    tools: int  # with them
    source: str


# Any other model: markers of roles, the answer's primer; with tools, the prompt that explains them.
# The largest that any model without a row was billed above its text in the public recordings:
# 72 tokens without tools, 298 with them (DeepSeek).
OTHERS = Added(64, 1_024, "markers of roles and tools, as recorded")

# Sellers and models, as patterns over `seller/model`; the first that is found counts.
ROWS: tuple[tuple[re.Pattern[str], Added], ...] = (
    (
        # "pre-defined tokens" that its endpoints add, of which it says no number; calls of three
        # words were billed for some 680 tokens, so three times that.
        re.compile(r"^xai/|\bgrok\b"),
        Added(2_048, 3_072, "docs.x.ai/docs/key-information/consumption-and-rate-limits"),
    ),
    (
        # 290 to 804 tokens with tools, by model and `tool_choice`; none without tools.
        re.compile(r"claude"),
        Added(64, 1_024, "platform.claude.com/docs/en/agents-and-tools/tool-use/overview"),
    ),
    (
        # A reply is primed with three tokens, and a message has three or four beside its text,
        # which count with its keys; the rest is for a schema of the answer.
        re.compile(r"^(azure-)?openai/(?!.*gpt-oss)"),
        Added(32, 1_024, "cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken"),
    ),
    (
        # The harmony format's own system message: identity, dates, effort, channels, and with
        # tools a line that says where their calls go.
        re.compile(r"gpt-oss"),
        Added(160, 1_024, "cookbook.openai.com/articles/openai-harmony"),
    ),
)


@lru_cache(maxsize=1_024)
def added(seller: str, model: str) -> Added:
    """The row of a model at who sells it."""
    name = f"{seller}/{model}".lower()
    return next((row for pattern, row in ROWS if pattern.search(name)), OTHERS)
