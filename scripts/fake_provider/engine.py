"""One answer of any API: whole or streamed, with every way in which a provider can break it."""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any, Protocol

from fake_provider import eventstream
from fake_provider.bill import Record
from fake_provider.exchange import ENCODERS, Exchange
from fake_provider.generate import Choice, Order, plan, tokens
from fake_provider.http1 import HangUp
from fake_provider.scenario import Finish, Scenario, Shape

Document = dict[str, Any]

# How a stream is framed, and the content type that says so.
FRAMINGS = {
    "sse": "text/event-stream; charset=utf-8",
    "array": "application/json",
    "eventstream": "application/vnd.amazon.eventstream",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: a JSON object, or bare text such as `[DONE]`."""

    data: Document | str
    name: str = ""


class Dialect(Protocol):
    """How one API spells one answer. It reads the record for the usage that it reports."""

    framing: str  # a key of FRAMINGS

    def opening(self) -> list[Event]:
        """What comes before the first token."""
        ...

    def token(self, choice: Choice, text: str) -> list[Event]:
        """Some tokens of a choice."""
        ...

    def closing(self, choices: list[Choice]) -> list[Event]:
        """What ends a stream in order."""
        ...

    def failure(self) -> list[Event]:
        """An error in the middle of a stream."""
        ...

    def whole(self, choices: list[Choice], texts: list[str]) -> Document:
        """The answer that is not streamed."""
        ...


class Body:
    """The body of one response: framed, encoded, cut into writes as the scenario wants."""

    def __init__(self, exchange: Exchange, scenario: Scenario, framing: str = "") -> None:
        self._exchange = exchange
        self._encoder = ENCODERS[scenario.encoding]()
        self._batch_bytes = scenario.batch_bytes
        self._framing = framing
        self._opened = False

    async def events(self, events: list[Event]) -> None:
        """Send events."""
        if events:
            await self.data(b"".join(self._frame(event) for event in events))

    async def data(self, data: bytes) -> None:
        """Send bytes."""
        encoded = self._encoder.encode(data)
        size = self._batch_bytes or len(encoded) or 1
        for start in range(0, len(encoded), size):
            await self._exchange.send(encoded[start : start + size])

    async def end(self) -> None:
        """Close the framing, the encoding and the body."""
        if self._framing == "array":
            await self.data(b"]" if self._opened else b"[]")
        await self._exchange.send(self._encoder.end())
        await self._exchange.end()

    def _frame(self, event: Event) -> bytes:
        text = event.data if isinstance(event.data, str) else json.dumps(event.data)
        if self._framing == "array":
            prefix = "," if self._opened else "["
            self._opened = True
            return f"{prefix}{text}\r\n".encode()
        if self._framing == "eventstream":
            return eventstream.message(event.name, text.encode())
        name = f"event: {event.name}\n" if event.name else ""
        return f"{name}data: {text}\n\n".encode()


async def answer(
    exchange: Exchange,
    order: Order,
    dialect: Dialect,
    record: Record,
    *,
    scenario: Scenario,
    rng: random.Random,
) -> None:
    """Generate and send the answer; the record says how it ended."""
    exchange.stops = scenario.stops
    choices = plan(order, scenario, rng)
    try:
        if order.stream:
            record.ended = await _stream(exchange, dialect, record, choices, scenario, rng)
        else:
            record.ended = await _whole(exchange, dialect, record, choices, scenario, rng)
    except HangUp:
        record.ended = "hung up"
        raise
    except asyncio.CancelledError:
        record.ended = "stopped"
        raise


async def send_json(
    exchange: Exchange, document: Document | list[Any], scenario: Scenario, status: int = 200
) -> None:
    """A whole JSON body, or what the scenario makes of it."""
    if scenario.body in (Shape.NOTHING, Shape.NO_CONTENT):
        nothing = scenario.body is Shape.NOTHING
        await exchange.start(200 if nothing else 204, {"content-length": "0"} if nothing else {})
        await exchange.end()
        return
    if scenario.body is Shape.FOREIGN:
        document = {"made": document}
    text = json.dumps(document).encode()
    torn = scenario.body is Shape.TORN
    encoder = ENCODERS[scenario.encoding]()
    data = encoder.encode(text[: len(text) - 2 * len(text) // 10] if torn else text) + encoder.end()
    headers = {
        "content-type": "application/json",
        "x-request-id": "req_fake",
        "request-id": "req_fake",
    }
    if scenario.encoding != "identity":
        headers["content-encoding"] = scenario.encoding
    close = scenario.close or torn
    if not close:
        headers["content-length"] = str(len(data))
    await exchange.start(status, headers, close=close)
    size = scenario.batch_bytes or len(data) or 1
    for start in range(0, len(data), size):
        await exchange.send(data[start : start + size])
    await exchange.end()


async def _whole(
    exchange: Exchange,
    dialect: Dialect,
    record: Record,
    choices: list[Choice],
    scenario: Scenario,
    rng: random.Random,
) -> str:
    texts = [""] * len(choices)
    made = 0
    async for choice, text in tokens(
        choices, record, scenario, rng=rng, gone=lambda: exchange.gone
    ):
        texts[choice.index] += text
        made += 1
        if scenario.finish is Finish.RESET and made >= scenario.finish_after:
            await exchange.reset()
            return Finish.RESET
    await send_json(exchange, dialect.whole(choices, texts), scenario)
    return Finish.WHOLE


async def _stream(
    exchange: Exchange,
    dialect: Dialect,
    record: Record,
    choices: list[Choice],
    scenario: Scenario,
    rng: random.Random,
) -> str:
    headers = {
        "content-type": FRAMINGS[dialect.framing],
        "cache-control": "no-cache",
        "x-request-id": "req_fake",
        "request-id": "req_fake",
    }
    if scenario.encoding != "identity":
        headers["content-encoding"] = scenario.encoding
    await exchange.start(200, headers, close=scenario.close)
    body = Body(exchange, scenario, dialect.framing)
    await body.events(dialect.opening())
    waiting: dict[int, list[str]] = {choice.index: [] for choice in choices}
    made = 0
    async for choice, text in tokens(
        choices, record, scenario, rng=rng, gone=lambda: exchange.gone
    ):
        pending = waiting[choice.index]
        pending.append(text)
        made += 1
        breaks = scenario.finish is not Finish.WHOLE and made >= scenario.finish_after
        if len(pending) >= scenario.tokens_per_event or choice.made >= choice.size or breaks:
            await body.events(dialect.token(choice, "".join(pending)))
            pending.clear()
        if breaks:
            return await _break(exchange, body, dialect, scenario.finish)
    await body.events(dialect.closing(choices))
    await body.end()
    return Finish.WHOLE


async def _break(exchange: Exchange, body: Body, dialect: Dialect, finish: Finish) -> str:
    if finish is Finish.RESET:
        await exchange.reset()
        return finish
    if finish is Finish.ERROR:
        await body.events(dialect.failure())
    await body.end()
    return finish
