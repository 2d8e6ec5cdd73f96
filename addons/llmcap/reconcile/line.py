"""A line of somebody's bill, in the words of all of them: a day, a model, tokens by kind, money."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmcap.words.errors import ReconcileError

# Kinds of token that every provider counts apart: together they are all that was billed.
INPUT, READ, WRITE, OUTPUT = KINDS = ("input", "cache_read", "cache_write", "output")

NANOS = Decimal(1_000_000_000)
AMOUNT_MAX = Decimal(10) ** 18  # tokens or dollars; what is more is a mistake in the file


@dataclass(slots=True)
class Sums:
    """Tokens by kind, in the order of `KINDS`, with cost and requests where those are told."""

    tokens: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    nanos: int = 0
    priced: bool = False  # whether any of the cost was told
    counted: bool = False  # whether any tokens were told
    requests: int = 0

    def add(self, other: "Sums") -> None:
        """The other's too."""
        for number, count in enumerate(other.tokens):
            self.tokens[number] += count
        self.nanos += other.nanos
        self.requests += other.requests
        self.priced |= other.priced
        self.counted |= other.counted


@dataclass(frozen=True, slots=True)
class Line:
    """
    What one row of an export says. `bucket` is the key or project that it names, if it does.

    `beside` is what a row is that no call has used, in the export's word: a tax, a credit, a fee.
    """

    day: str  # ISO, UTC
    model: str
    sums: Sums
    bucket: str = ""
    beside: str = ""


NO_TOKENS: Mapping[str, int] = MappingProxyType({})


def line(
    day: str,
    model: object,
    tokens: Mapping[str, int] | None = None,
    *,
    nanos: int | None = None,
    requests: int = 0,
    bucket: str = "",
) -> Line:
    """A line from what a reader found; None: the export says nothing of it."""
    sums = Sums(requests=requests, priced=nanos is not None, nanos=nanos or 0)
    if tokens is not None:
        sums.tokens = [tokens.get(kind, 0) for kind in KINDS]
        sums.counted = True
    return Line(day, str(model), sums, bucket)


def day_of(value: object) -> str:
    """The UTC day of a time as exports write it: seconds since 1970, RFC 3339, or a date."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        try:
            # As a float first: an integer of 1e99999999 would take minutes to make.
            return datetime.fromtimestamp(int(float(value)), UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):
            raise ReconcileError(f"{str(value)[:40]!r} is no time") from None
    told, zone = _apart(str(value).strip())
    text = told.replace("/", "-")
    try:
        if len(text) >= 10 and text[4] == text[7] == "-":
            if len(text) == 10:
                return datetime.fromisoformat(text).date().isoformat()
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
            return moment.astimezone(UTC).date().isoformat()
        month, day, year = text[:10].split("-")  # as Azure's details have it: 11-30-2026
        return datetime(int(year), int(month), int(day), tzinfo=UTC).date().isoformat()
    except ValueError:
        raise ReconcileError(f"{value!r} is no time") from None


def _apart(text: str) -> tuple[str, tzinfo]:
    """A time and its zone, which BigQuery and Athena name behind it; where none is named, UTC."""
    told, _, name = text.rpartition(" ")
    if not told or not name[0].isalpha() or name in ("AM", "PM"):
        return text, UTC
    try:
        return told, ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return text, UTC


def nanos_of(value: object, *, per_dollar: int = 1) -> int:
    """An amount as nano-dollars; `per_dollar` is 100 where it is in cents."""
    text = repr(value) if isinstance(value, float) else str(value if value is not None else 0)
    try:
        amount = Decimal(text.strip() or "0")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not is_amount(amount):
        raise ReconcileError(f"{text[:40]!r} is no amount of money")
    return int((amount * NANOS / per_dollar).to_integral_value())


def is_amount(value: Decimal) -> bool:
    """Whether it is a number that a bill may have."""
    return value.is_finite() and value.copy_abs() < AMOUNT_MAX


def count_of(value: object) -> int:
    """A count as exports write it: 12, 12.0, "12", nothing."""
    if isinstance(value, int):
        return value
    if value is None or value == "":
        return 0
    try:
        count = Decimal(str(value))
    except InvalidOperation:
        count = Decimal("NaN")
    if not is_amount(count):
        raise ReconcileError(f"{str(value)[:40]!r} is no count")
    return int(count)
