"""
What a vendor puts around a prompt and an answer by itself, and bills: no byte of them shows it.

A row says the most for calls with tools and without, and where that is from: the vendor's page, or
what its answers were billed above the text that was sent. It follows the model, wherever that is
sold, as the template is the model's; some sellers add a prompt of their own. A call of a tool is
written with markers around its name and its arguments, so that an answer of forty bytes can be
billed as sixty tokens.
"""

import re
from functools import lru_cache
from typing import NamedTuple


class Added(NamedTuple):
    """Tokens that a call reads and writes besides what it shows."""

    plain: int  # without tools
    tools: int  # with them
    called: int  # of each call of a tool that it writes, beside its name and its arguments
    source: str


# Any other model: markers of roles, the answer's primer; with tools, the prompt that explains them.
# The largest that any model without a row was billed above its text in the public recordings:
# 72 tokens without tools, 298 with them (DeepSeek); 37 for a call that it wrote (DeepSeek).
OTHERS = Added(64, 1_024, 48, "markers of roles and tools, as recorded")

# Sellers and models, as patterns over `seller/model`; the first that is found counts.
ROWS: tuple[tuple[re.Pattern[str], Added], ...] = (
    (
        # "pre-defined tokens" that its endpoints add, of which it says no number; calls of three
        # words were billed for some 680 tokens, so three times that.
        re.compile(r"^xai/|\bgrok\b"),
        Added(2_048, 3_072, 48, "docs.x.ai/docs/key-information/consumption-and-rate-limits"),
    ),
    (
        # 290 to 804 tokens with tools, by model and `tool_choice`; none without tools. A call that
        # it wrote was recorded with 41 to 82 tokens above its text.
        re.compile(r"claude"),
        Added(64, 1_024, 96, "platform.claude.com/docs/en/agents-and-tools/tool-use/overview"),
    ),
    (
        # A reply is primed with three tokens, and a message has three or four beside its text,
        # which count with its keys; the rest is for a schema of the answer. A call that it wrote
        # was recorded with up to 17 tokens above its text.
        re.compile(r"^(azure-)?openai/(?!.*gpt-oss)"),
        Added(32, 1_024, 24, "cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken"),
    ),
    (
        # The harmony format's own system message: identity, dates, effort, channels, and with
        # tools a line that says where their calls go.
        re.compile(r"gpt-oss"),
        Added(160, 1_024, 32, "cookbook.openai.com/articles/openai-harmony"),
    ),
)


@lru_cache(maxsize=1_024)
def added(seller: str, model: str) -> Added:
    """The row of a model at who sells it."""
    name = f"{seller}/{model}".lower()
    return next((row for pattern, row in ROWS if pattern.search(name)), OTHERS)
