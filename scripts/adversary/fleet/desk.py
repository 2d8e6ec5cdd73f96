"""
The provider and the clients of all nodes, at the other end of their connections.

An answer is generated at one pace, and billed for what was generated: all of it, or as much as was
when its node died, since this vendor stops with its client. Prices are those of the public list,
typed in for the fake provider.
"""

import asyncio
import itertools
import json
import random
from dataclasses import dataclass, field

from fake_provider.tariff import PICOS_PER_NANO, TARIFF

MODEL = "gpt-4o-mini"
SERVED = "gpt-4o-mini-2024-07-18"
READ_TOKENS = 20
HEAVY_TAIL = 1.2  # the Pareto exponent of lengths: most are short, a few a hundred times longer
LENGTH_LEAST = 60
LENGTH_MAX = 4_000
TOKEN_SECONDS = 0.0005
LINE_BYTES_MAX = 2**20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: served, refused, failed (no decision), broken (the node is gone)."""

    fate: str
    said: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One that is being generated."""

    written: int  # tokens, when it is whole
    began: float  # the loop's time
    timer: asyncio.TimerHandle


@dataclass
class Link:
    """A node that has connected: where its lines go, and what it was asked."""

    writer: asyncio.StreamWriter
    calls: dict[int, "asyncio.Future[Outcome]"] = field(default_factory=dict)
    answers: dict[int, "Answer"] = field(default_factory=dict)
    billed: int = 0  # nano-dollars, for its calls
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, **line: object) -> None:
        """One line to the node."""
        self.writer.write(json.dumps(line).encode() + b"\n")


class Desk:
    """Listens for nodes; bills what they ask."""

    def __init__(self, rng: random.Random) -> None:
        self.port = 0
        self.billed = 0  # nano-dollars
        self.calls = 0
        self._rng = rng
        self._numbers = itertools.count(1)
        self._expected: list[asyncio.Future[Link]] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nodes must have ended."""
        assert self._server is not None
        self._server.close()

    def next_link(self) -> "asyncio.Future[Link]":
        """Of the node that connects next: the link when it serves, or what it said instead."""
        expected: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._expected.append(expected)
        return expected

    def forget(self, expected: "asyncio.Future[Link]") -> None:
        """The node that was to connect ended instead."""
        self._expected.remove(expected)

    async def call(self, link: Link, limit: int | None) -> Outcome:
        """One call by a client of a node."""
        number = next(self._numbers)
        document: dict[str, object] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "twelve words about money and time, please"}],
        }
        if limit is not None:
            document["max_completion_tokens"] = limit
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        link.calls[number] = future
        if link.writer.is_closing():
            return Outcome("broken", "")
        link.say(call=number, body=json.dumps(document))
        return await future

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer)
        expected = self._expected.pop(0)
        try:
            while line := await reader.readline():
                told = json.loads(line)
                if "ask" in told:
                    self._asked(link, told["ask"], json.loads(told["body"]))
                elif "done" in told:
                    outcome = Outcome(told["fate"], told["said"])
                    link.calls.pop(told["done"]).set_result(outcome)
                elif "failed" in told:
                    expected.set_exception(NodeFailed(told["failed"]))
                else:
                    expected.set_result(link)
        except OSError:
            pass  # it was killed
        finally:
            if not expected.done():
                expected.set_exception(NodeFailed("it ended before it served"))
            for answer in link.answers.values():
                answer.timer.cancel()
                lasted = asyncio.get_running_loop().time() - answer.began
                self._bill(link, min(answer.written, int(lasted / TOKEN_SECONDS) + 1))
            for future in link.calls.values():
                future.set_result(Outcome("broken", ""))
            link.calls.clear()
            link.closed.set()
            writer.close()

    def _asked(self, link: Link, number: int, document: dict[str, int]) -> None:
        """Begin to generate."""
        limit = document.get("max_completion_tokens", LENGTH_MAX)
        wanted = int(LENGTH_LEAST * self._rng.paretovariate(HEAVY_TAIL))
        written = min(wanted, limit, LENGTH_MAX)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(written * TOKEN_SECONDS, self._answer, link, number)
        link.answers[number] = Answer(written, loop.time(), timer)

    def _answer(self, link: Link, number: int) -> None:
        """It is whole."""
        written = link.answers.pop(number).written
        self._bill(link, written)
        usage = {
            "prompt_tokens": READ_TOKENS,
            "completion_tokens": written,
            "total_tokens": READ_TOKENS + written,
        }
        message = {"role": "assistant", "content": "x"}
        body = {
            "id": f"chatcmpl-{self.calls}", "object": "chat.completion", "model": SERVED,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }  # fmt: skip
        link.say(answer=number, body=json.dumps(body))

    def _bill(self, link: Link, written: int) -> None:
        rates = TARIFF[MODEL]
        picos = READ_TOKENS * rates.input + written * rates.output
        nanos = -(-picos // PICOS_PER_NANO)
        self.calls += 1
        self.billed += nanos
        link.billed += nanos


class NodeFailed(Exception):  # noqa: N818 - what the node said is the sentence
    """A node that did not start, and why."""
