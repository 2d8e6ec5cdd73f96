"""
What the readers of all wire formats share: the state of a reading, and careful hands for JSON.

A provider may send anything. So nothing here trusts a type: a count that is no count is 0, an
object that is no object is empty, and a reader goes on.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import ceil
from typing import Any

from llmcap.pricing.terms import is_base, left_untold, settled
from llmcap.providers.parts.shape import Ask, Document
from llmcap.streams.backlog import Marks
from llmcap.words.errors import FormatError
from llmcap.words.records import Charge, Count, Reading, Usage

# What `Meter` gives as the name of an event when a stream says `[DONE]`.
DONE = "[DONE]"

# How much generated text is kept until somebody wants to count its tokens; beyond that, its bytes
# bound them.
KEPT_BYTES_MAX = 2**20

# No call has more tokens than this; a larger count is nonsense and would not fit a ledger.
COUNT_MAX = 10**12

NO_DOCUMENT: Document = {}

# Where a part of a message has its text, or parts of its own (mistralai 3.7.0, `ThinkChunk`).
_PARTS = ("text", "thinking", "refusal", "content")

# Where routers and clouds name the model that served. Azure's is seen in its answers; the others:
# https://developers.cloudflare.com/ai-gateway/features/dynamic-routing/usage,
# https://ngrok.com/docs/ai-gateway/how-it-works#response-headers
SERVED_HEADERS = ("x-ms-served-model", "cf-aig-model", "ngrok-aig-model")


def count(value: object) -> int:
    """
    A number of tokens, or 0 for whatever is none.

    A text that is a number counts, as JSON made from protocol buffers writes large numbers so
    (https://protobuf.dev/programming-guides/json), and a part of one is a whole one.
    """
    if type(value) is int:
        return value if 0 <= value <= COUNT_MAX else 0
    if not value or isinstance(value, bool):
        return 0
    if isinstance(value, str):
        return ceil(amount(value) or 0)
    if not isinstance(value, int | float) or not 0 <= value <= COUNT_MAX:  # NaN fails this too
        return 0
    return ceil(value)


def times(value: object) -> int:
    """
    How often a request asks for something, or how much of it; 0 where it says nothing.

    Some vendors take a text for the number that it is, so it counts as one. Raises `FormatError`
    for what is neither: nobody knows how a vendor reads that.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, bool):
        return int(value)
    try:
        number = Decimal(str(value).strip()) if isinstance(value, int | float | str) else None
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or not 0 <= number <= COUNT_MAX:
        raise FormatError(f"{str(value)[:40]!r} stands where a number belongs")
    return ceil(number)


def limit_in(value: object, *, zero: bool = False) -> int | None:
    """
    A request's output limit; None where it sets none (null, or -1 for "endless").

    A text is none, as not every vendor takes it for a number. Nor is 0, which some take for no
    limit at all, unless `zero` says that this vendor means it.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= COUNT_MAX or not (value or zero):
        return None
    return ceil(value)


def asked_amount(value: object) -> Decimal | None:
    """A duration that a request asks for; None where it names none. Raises `FormatError`."""
    if value is None or value == "":
        return None
    found = amount(value)
    if found is None:
        raise FormatError(f"{str(value)[:40]!r} stands where a number belongs")
    return found


def amount(value: object) -> Decimal | None:
    """A sum of money or a duration as an exact decimal; None for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        decimal = Decimal(str(value))
    except ArithmeticError:
        return None
    return decimal if decimal.is_finite() and 0 <= decimal <= COUNT_MAX else None


def document(value: object) -> Document:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else NO_DOCUMENT


def documents(value: object) -> list[Document]:
    """The objects in a list; empty for whatever is no list."""
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, dict)]


def text(value: object) -> str:
    """The value where it is a string, else ""."""
    return value if isinstance(value, str) else ""


def utf8_bytes(value: object) -> int:
    """The length in UTF-8 of a string; 0 for whatever is none."""
    if not isinstance(value, str):
        return 0
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def models_in(value: Any) -> list[str]:
    """
    The models that a field names: in a text, in objects that have a `model`, or in several of both.

    A vendor's document says which of these it takes; what it makes of another, only the vendor
    knows, and it may well be a model.
    """
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [name for each in value for name in models_in(each)]
    if isinstance(value, dict):
        named = next((value[key] for key in ("model", "id", "name") if key in value), None)
        return models_in([*value.values()] if named is None else named)
    return []


class BaseReader:
    """
    State of one reading. Subclasses read events or a body and set what they find.

    The `Reading` is made when it is asked for and something changed. `charges` is replaced only
    when they differ, so that who looks often can compare by identity.
    """

    # What the bill is made from, for people.
    tells = "usage"

    # Kinds of term that a whole answer of this format tells where they are not the usual one.
    tells_terms: frozenset[str] = frozenset()

    # What stands in every event that can complete the reading or change its charges. All others of
    # such a format may stay unread; without it each piece is read at once.
    telling: Marks | None = None

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.model: str | None = None
        self._by_head = ""
        self.response_id: str | None = None
        self.charges: tuple[Charge, ...] = ()
        self.terms: tuple[str, ...] = ()  # that the answer has told so far
        self.complete = False
        self.billed_usd: Decimal | None = None
        self.error: str | None = None
        self.deferred = ask.deferred
        self.over = False
        self.also: tuple[str, ...] = ()
        self.answers: int | None = None
        self.visible_bytes = 0
        self.visible_events = 0
        self.called = 0
        self.stopped: set[object] = set()
        self.begun: int | None = None
        self._texts: list[str] = []
        self._kept_bytes = 0

    def head(self, headers: Mapping[str, str]) -> None:
        """The head of the response: who served, where a router says so and the body does not."""
        told = (headers[name] for name in SERVED_HEADERS if headers.get(name))
        self._by_head = next(told, "")

    def event(self, event: Document, name: str = "") -> None:  # noqa: ARG002  the shape has it
        """One event of a stream; formats that do not stream take it for a whole body."""
        if event:
            self.body(event)

    def body(self, document: Document) -> None:
        """A whole JSON response."""

    def raw(self, size: int, headers: Mapping[str, str]) -> None:
        """A response that is no JSON tells nothing, unless a format says otherwise."""

    def reading(self) -> Reading:
        """What is understood so far."""
        return Reading(
            charges=self.charges,
            complete=self.complete,
            terms=self.terms,
            untold=self._kinds_untold() if self.charges else (),
            usual=self.tells_terms,
            model=self.served,
            response_id=self.response_id,
            billed_usd=self.billed_usd,
            error=self.error,
            deferred=self.deferred and not self.complete,
            over=self.over,
            also=self.also,
            answers=self.answers,
            visible_bytes=self.visible_bytes,
            visible_events=self.visible_events,
            called=self.called,
            stopped=len(self.stopped),
            begun=None if self.complete else self.begun,
        )

    # --- for subclasses -----------------------------------------------------------------------

    @property
    def served(self) -> str | None:
        """
        The model that the response names.

        Where its body only repeats what was asked for, its head knows better, unless that has the
        same with a date.
        """
        repeats = self.model is None or self.model == self.ask.model
        by_head = "" if self.model and self._by_head.startswith(self.model) else self._by_head
        return (by_head if repeats else "") or self.model

    @property
    def served_model(self) -> str:
        """Whose price applies: the model that the response names, else the one asked for."""
        return self.served or self.ask.model

    def charge(self, usage: Usage, terms: tuple[str, ...] = ()) -> None:
        """All of the call is this usage, at the served model."""
        self.charge_all((Charge(self.served_model, usage, terms),))

    def charge_all(self, charges: tuple[Charge, ...]) -> None:
        """
        All of the call are these charges; they replace what was known before.

        Each is under the terms that it tells, else under those of the answer, else under those that
        were asked for. Counts of nothing at all replace none: some end a stream with a usage of
        zeros.
        """
        if self.charges and all(each.usage.is_nothing for each in charges):
            return
        if self.terms or self.ask.terms or any(each.terms for each in charges):
            charges = tuple(replace(each, terms=self._terms_of(each)) for each in charges)
        if charges != self.charges:
            self.charges = charges

    @property
    def all_stopped(self) -> bool:
        """Whether every choice that was asked for has come to its end: none goes on being made."""
        return len(self.stopped) >= self.ask.choices

    @property
    def uncounted(self) -> dict[str, Count]:
        """What was held of units that an answer may leave uncounted: that is billed then."""
        return {unit: number for unit, number in self.ask.fees.items() if number}

    def _terms_of(self, charge: Charge) -> tuple[str, ...]:
        told = settled(self.terms, charge.terms)
        return tuple(term for term in settled(self.ask.terms, told) if not is_base(term))

    def _kinds_untold(self) -> tuple[str, ...]:
        """The kinds of term of which neither the request nor the answer has said anything."""
        told = self.tells_terms if self.complete else frozenset[str]()
        return left_untold(self.terms + self.ask.terms, told)

    def see(self, generated: object) -> None:
        """Generated text that the client can see."""
        if size := utf8_bytes(generated):
            self.visible_bytes += size
            self.visible_events += 1
            self._kept_bytes += size
            if self._kept_bytes <= KEPT_BYTES_MAX:
                self._texts.append(generated)  # type: ignore[arg-type]  # it has a size

    def see_call(self, name: object) -> None:
        """The name of a tool that is called, where the call begins; the rest is seen as text."""
        if name:
            self.called += 1
            self.see(name)

    def see_parts(self, generated: object) -> None:
        """Generated text, by itself or in parts of a message: those of a thought have theirs."""
        if isinstance(generated, str):
            self.see(generated)
            return
        for part in documents([generated] if isinstance(generated, dict) else generated):
            for key in _PARTS:
                self.see_parts(part.get(key))

    def take_text(self) -> str:
        """The generated text that was seen since this was asked last, as far as it was kept."""
        text = "".join(self._texts)
        self._texts.clear()
        self._kept_bytes = 0
        return text

    def see_json(self, generated: Any) -> None:
        """Generated values in any nesting: every string in them."""
        stack = [generated]
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                stack.extend(value.values())
            elif isinstance(value, list):
                stack.extend(value)
            else:
                self.see(value)

    def fail(self, error: object) -> None:
        """An error inside the response, as any of the usual shapes has it."""
        details = document(error)
        for key in ("code", "type", "status"):
            if isinstance(code := details.get(key), str | int) and code != "":
                self.error = str(code)[:64]
                return
        self.error = text(error)[:64] or "error"
