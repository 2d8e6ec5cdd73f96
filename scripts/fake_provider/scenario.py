"""
How the provider behaves: as a default for all requests, or for one by its header.

A request carries its own scenario as JSON in `x-fake-scenario`; fields that it does not name come
from the default, which the control endpoint sets.
"""

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

HEADER = "x-fake-scenario"

HEAVY_TAIL = 1.2  # the Pareto exponent: most answers are short, a few are a hundred times longer
LENGTH_MAX = 200_000


class Finish(StrEnum):
    """How an answer ends."""

    WHOLE = "whole"
    ERROR = "error"  # an error event in the stream, then its regular end
    RESET = "reset"  # the connection breaks
    EOF = "eof"  # the body ends, as if it were whole, without the events that end an answer


class Stops(StrEnum):
    """When a provider stops an answer whose client has gone."""

    LEFT = "left"  # as soon as the client's FIN, or its reset of the stream, is here
    FAILED = "failed"  # at the first write that fails
    NEVER = "never"


class Shape(StrEnum):
    """What a whole answer, whose work is done and billed, looks like on the wire."""

    PLAIN = "plain"
    NOTHING = "nothing"  # 200, a length of 0, and no type
    NO_CONTENT = "no content"  # 204
    TORN = "torn"  # JSON that ends in its middle, with its connection
    FOREIGN = "foreign"  # JSON in a shape that no document describes


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that can be told to the provider. The defaults are a well-behaved one."""

    length: str = "60"  # tokens that the model wants to write: `60`, or `heavy:60` (least, 60)
    reasoning: int = 0  # hidden tokens before the first visible one
    searches: int = 0  # calls of a declared web search in a response, before it is at its end
    search_every: int = 20  # tokens before the first, and between them
    first_token_seconds: float = 0.0
    gated_after: int | None = None  # tokens, after which it waits until the gate is opened
    token_seconds: float = 0.0
    tokens_per_event: int = 1
    usage: bool = True  # False: no usage block, wherever there would be one
    sums: bool = True  # False: a batch does not tell the sums of its answers' usage
    cached: int = 0  # input tokens that are served from a cache, if there are that many
    cache_write: int = 0  # input tokens that are written to one
    fetched_tokens: int = 0  # of what a request only names, and the provider fetches
    fetched_seconds: int = 0  # of a recording that is fetched
    status: int = 200  # anything else: that error instead of an answer, free
    finish: Finish = Finish.WHOLE
    finish_after: int = 0  # tokens after which a `finish` other than whole happens
    stops: Stops = Stops.LEFT
    body: Shape = Shape.PLAIN
    encoding: str = "identity"  # gzip | br | zstd | deflate, whatever the client accepts
    close: bool = (
        False  # HTTP/1: neither length nor chunks, the end of the connection ends the body
    )
    ignore_limit: bool = False  # write on past the output limit, and bill it
    secrets: Mapping[str, str] = field(default_factory=dict)  # of Bedrock's callers: see `sigv4`
    batch_bytes: int = 0  # > 0: cut the body into writes of this size, whatever the events

    # Of the default and of all that are told by headers beside it: a test opens it when what it
    # waits for has happened, however long that takes. A new default opens the one before.
    gate: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


def parse(text: str | bytes, default: Scenario) -> Scenario:
    """The scenario with the fields of a JSON object. Raises `ValueError` for any other."""
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError("a scenario is a JSON object")
    if "gate" in fields:
        raise ValueError("a gate is opened by the control endpoint")
    if "finish" in fields:
        fields["finish"] = Finish(fields["finish"])
    if "stops" in fields:
        fields["stops"] = Stops(fields["stops"])
    if "body" in fields:
        fields["body"] = Shape(fields["body"])
    try:
        return replace(default, **fields)
    except TypeError as error:
        raise ValueError(str(error)) from error


def draw_length(spec: str, rng: random.Random) -> int:
    """How many visible tokens one answer is meant to have."""
    kind, _, size = spec.rpartition(":")
    if kind == "heavy":
        return min(LENGTH_MAX, int(int(size) * rng.paretovariate(HEAVY_TAIL)))
    if kind:
        raise ValueError(f"length {spec!r} is neither like `60` nor like `heavy:60`")
    return int(size)
