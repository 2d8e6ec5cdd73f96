"""
Why a call is not served, as data and in words.

The words are for whoever reads the error, a person or an agent: which budget, what it has spent,
what this call needs, when the window resets, how to go on, and whether trying again can help.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from llmcap.replies.ratelimit import retry_after
from llmcap.words.money import format_usd, usd_string
from llmcap.words.records import CapUnit, Deny
from llmcap.words.shown import in_one_sentence, readable

CAP_REACHED = "cap_reached"

# Refusals that are about the request itself: no budget, however large, would let it through.
REQUEST_REASONS = frozenset(
    {
        "unknown_model",
        "unknown_endpoint",
        "unmeterable",
        "unmetered_host",
        "unreadable_request",
        "unbounded",
        "bad_request",
    }
)

_COUNTED = {
    CapUnit.TOKENS: "tokens",
    CapUnit.REQUESTS: "requests",
    CapUnit.CONCURRENT: "calls in flight",
}


# A client may take digits in an id for the status of a passing failure: see `plain`.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def new_id() -> str:
    """A random id of letters alone."""
    return uuid.uuid4().hex.translate(_LETTERS)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response that LLMCap gives itself. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    One refusal. The figures are in the unit of the budget's cap, and None where no budget decided.

    `value` is that of the budget's `per`. `passing`: it would fit once calls in flight have ended.
    `final`: it is told to a client that is to stop, in words that none takes for a rate limit.
    `reason` is a machine code: `cap_reached`, one of `REQUEST_REASONS`, or what failed on our side
    (`ledger_error`, `internal_error`, ...). `id` is told as the provider's request id.
    """

    reason: str
    message: str
    budget: str | None = None
    spent: int | None = None
    cap: int | None = None
    needed: int | None = None
    unit: CapUnit = CapUnit.USD
    resets_at: datetime | None = None
    retry_after: int | None = None  # seconds, where waiting so long is all that it takes
    value: str = ""
    passing: bool = False
    final: bool = False
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        """Names in it are a client's, and may go on and on."""
        object.__setattr__(self, "message", readable(in_one_sentence(self.message)))

    @property
    def about_request(self) -> bool:
        """Whether the request is at fault, and not what is left to spend or we."""
        return self.reason in REQUEST_REASONS

    def document(self) -> dict[str, Any]:
        """The machine-readable part of an error body; amounts of money are decimal strings."""
        document: dict[str, Any] = {"reason": self.reason}
        if self.budget is not None:
            document["budget"] = self.budget
        figures = {"spent": self.spent, "cap": self.cap, "needed": self.needed}
        for name, value in figures.items():
            if value is not None:
                document[name] = usd_string(value) if self.unit is CapUnit.USD else value
        if self.cap is not None:
            document["unit"] = str(self.unit)
        if self.resets_at is not None:
            document["resets_at"] = iso(self.resets_at)
        return document


def refusal_for(deny: Deny, *, now: datetime, cut: bool = False) -> Refusal:
    """The refusal of a call that a budget cannot carry, or (`cut`) of the rest of its answer."""
    budget = deny.scope.budget
    return Refusal(
        reason=CAP_REACHED,
        message=message_for(deny, now=now, cut=cut),
        budget=budget.name,
        spent=deny.balance.spent,
        cap=budget.cap + deny.balance.raised,
        needed=deny.needed,
        unit=budget.unit,
        resets_at=deny.scope.resets_at,
        retry_after=None if cut else retry_after(deny, now),
        value=deny.scope.value,
        passing=is_passing(deny),
    )


def is_passing(deny: Deny) -> bool:
    """Whether the call fits into what is left once the calls in flight have cost nothing."""
    balance = deny.balance
    left = deny.scope.budget.cap + balance.raised - balance.spent
    return not balance.paused and balance.held > 0 and deny.needed <= left


def message_for(deny: Deny, *, now: datetime, cut: bool = False) -> str:
    """One paragraph that a reader can act on."""
    what, wants = ("this answer", "the rest of it") if cut else ("this call", "this call")
    budget, balance = deny.scope.budget, deny.balance
    unit = budget.unit
    name = f"{budget.name!r}" + (f" for {deny.scope.value!r}" if deny.scope.value else "")
    cap = _amount(budget.cap + balance.raised, unit) + (
        "" if budget.every == "once" else f" per {budget.every}"
    )
    if balance.paused:
        return (
            f"LLMCap stopped {what}: budget {name} was paused by hand. Retrying does not help "
            "until it is resumed; `llmcap status` shows every budget."
        )
    if unit is CapUnit.CONCURRENT:
        state = f"budget {name} allows {cap}, and {balance.held} are running."
    else:
        held = f", calls in flight hold {_amount(balance.held, unit)}" if balance.held else ""
        state = (
            f"budget {name} has spent {_amount(balance.spent, unit)} of {cap}{held}, "
            f"and {wants} can cost {_amount(deny.needed, unit)}."
        )
    return f"LLMCap stopped {what}: {state} {_outlook(deny, now)} {_way_on(deny)}"


def iso(moment: datetime) -> str:
    """A time as it stands in headers and JSON: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- the parts of a message -----------------------------------------------------------------


def _outlook(deny: Deny, now: datetime) -> str:
    """Whether and when the same call could go."""
    cap = deny.scope.budget.cap + deny.balance.raised
    if deny.needed > cap:
        return "That is more than the whole cap, so it will not fit later either."
    if (seconds := retry_after(deny, now)) is not None:
        frees = deny.scope.budget.unit is CapUnit.CONCURRENT
        when = "when the calls in flight have ended" if frees else "within the minute"
        return f"It can fit {when}: try again in {seconds} s."
    if is_passing(deny):
        return "It can fit when the calls in flight have ended; until then retrying does not help."
    if deny.scope.resets_at is None:
        return "This budget never resets: retrying does not help."
    resets_at = deny.scope.resets_at.astimezone(UTC)
    return (
        f"It resets at {resets_at:%Y-%m-%d %H:%M} UTC, in {_span(resets_at - now)}; "
        "retrying before that does not help."
    )


def _way_on(deny: Deny) -> str:
    """What the reader can change."""
    smaller = ""
    if deny.scope.budget.unit in (CapUnit.USD, CapUnit.TOKENS):
        smaller = " A smaller request or output limit needs less."
    return (
        "To go on now, raise this budget's `cap` in the LLMCap config, or the `--cap` it was "
        f"started with; `llmcap status` shows every budget.{smaller}"
    )


def _amount(value: int, unit: CapUnit) -> str:
    return format_usd(value) if unit is CapUnit.USD else f"{value:,} {_COUNTED[unit]}"


def _span(span: timedelta) -> str:
    """A time to wait, in its two largest units, rounded up to a minute."""
    minutes = max(1, -int(-span.total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2])
