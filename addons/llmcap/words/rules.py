"""
What a policy may say beyond its caps: thresholds, breakers, who is told of what, own hosts.

Frozen records like those of `records`, whose `Budget` and `Policy` carry them. Shares are whole
percents, amounts integer nano-dollars, times exact decimals of seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

# --- thresholds -------------------------------------------------------------------------------


class Action(StrEnum):
    """What a threshold does, from the gentlest to the hardest."""

    WARN = "warn"
    THROTTLE = "throttle"  # each call waits a while before it goes
    DOWNGRADE = "downgrade"  # each call goes to a cheaper model of the same provider
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Threshold:
    """
    What happens when a budget has spent `percent` of its cap, or (`forecast`) is on the way to it.

    It is told once per window; what it does to calls lasts for as long as the share is reached.
    """

    percent: int
    action: Action
    forecast: bool = False
    delay_seconds: Decimal = Decimal(0)  # of a throttle
    models: tuple[str, ...] = ()  # of a downgrade: the first that the call's provider sells

    @property
    def label(self) -> str:
        """As it stands in a config: `80%`, `forecast 100%`."""
        return f"forecast {self.percent}%" if self.forecast else f"{self.percent}%"


# --- breakers ---------------------------------------------------------------------------------


class BreakerKind(StrEnum):
    """What a breaker watches."""

    ERRORS = "errors"
    LATENCY = "latency"
    BURN = "burn"
    REPEATS = "repeats"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Too many calls fail: 5xx, or no answer. What a client did wrong (4xx) is no failure."""

    percent: int = 50
    calls: int = 20  # the fewest to judge by
    within_seconds: Decimal = Decimal(60)
    open_seconds: Decimal = Decimal(30)
    per: tuple[str, ...] = ("provider",)


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """Too many calls wait too long for the first byte of their answer."""

    above_seconds: Decimal = Decimal(120)
    percent: int = 50
    calls: int = 20
    within_seconds: Decimal = Decimal(300)
    open_seconds: Decimal = Decimal(30)
    per: tuple[str, ...] = ("provider",)


@dataclass(frozen=True, slots=True)
class BurnRule:
    """
    Money goes too fast: more in a minute than `above_nanos`, or than `times` the usual minute.

    The usual is judged by minutes in which something was spent. `least_nanos` keeps the second rule
    from tripping over pennies.
    """

    above_nanos: int | None = None
    times: int = 20
    least_nanos: int = 2_000_000_000
    open_seconds: Decimal = Decimal(60)
    per: tuple[str, ...] = ("project",)


@dataclass(frozen=True, slots=True)
class RepeatRule:
    """The same request over and over, down to the byte. Only that request is refused."""

    calls: int = 100
    within_seconds: Decimal = Decimal(600)
    open_seconds: Decimal = Decimal(60)
    per: tuple[str, ...] = ("project",)


@dataclass(frozen=True, slots=True)
class ParallelRule:
    """More calls in flight at once than any fan-out that was meant."""

    calls: int = 100
    open_seconds: Decimal = Decimal(30)
    per: tuple[str, ...] = ("project",)


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """The breakers that are on. None is, unless the config says so: see the guide for why."""

    errors: ErrorRule | None = None
    latency: LatencyRule | None = None
    burn: BurnRule | None = None
    repeats: RepeatRule | None = None
    parallel: ParallelRule | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to watch."""
        return self != NO_BREAKERS


NO_BREAKERS = BreakerRules()


# --- alerts -----------------------------------------------------------------------------------


class EventKind(StrEnum):
    """What can be told."""

    WARNING = "warning"  # a threshold was reached
    EXCEEDED = "exceeded"  # a budget refused a call
    BREAKER = "breaker"  # a breaker opened, or closed again
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    PRICE_MISSING = "price_missing"  # a part of a bill had no price of its own
    OVERRUN = "overrun"  # a call cost more than was held for it
    RECOVERED = "recovered"  # the hold of a proxy that is gone was assumed
    CONFIG_ERROR = "config_error"  # a changed config cannot be used; the old one stays in force
    LEDGER_ERROR = "ledger_error"  # spending could not be recorded
    TREASURY = "treasury"  # the treasury cannot be reached, can again, or stops this node
    UNREAD_FIELD = "unread_field"  # a request has a field that nobody knows: held at the dearest
    UNMETERED = "unmetered"  # a call passed without a price, as the policy allows
    PRICE_CHANGED = "price_changed"  # newer prices are in force, or could not be taken
    CAPTURE = "capture"  # of what a provider billed too little passed here, or it cannot be asked
    UNMETERED_HOST = "unmetered_host"  # a connection to who sells model calls and is not metered
    CALL = "call"  # every call that has ended: a feed for programs, and no event of the log


# Whose bills can be asked for: see `reconcile.admin`.
ASKED_FOR_BILLS = ("openai", "anthropic", "openrouter", "xai")


@dataclass(frozen=True, slots=True)
class CaptureRule:
    """The bills that are laid beside the ledger, every so many hours."""

    keys: Mapping[str, str]  # by provider, `env:NAME`
    urls: Mapping[str, str]  # of those whose API is elsewhere
    hours: int
    percent: int  # of the tokens that were billed; fewer are told
    days: int  # before today


# What people are told where they ask for nothing else.
ALERTS = tuple(kind for kind in EventKind if kind is not EventKind.CALL)


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """
    Where events go: a URL that takes JSON, or (`apprise`) one of the forms that apprise knows.

    The secret signs the body of a webhook; both are kept out of `repr`, since a chat service's URL
    is a password.
    """

    url: str = field(repr=False)
    apprise: bool = False
    secret: str = field(default="", repr=False)
    events: tuple[EventKind, ...] = ALERTS


@dataclass(frozen=True, slots=True)
class TelemetryRule:
    """Who is told of each call over OTLP, with which headers, and whether of costs."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cost: bool = False


# --- hosts ----------------------------------------------------------------------------------


class HostPolicy(StrEnum):
    """What becomes of connections to hosts that sell model calls and are not metered."""

    AUTO = "auto"  # refuse those that bill by use, tell of those that are paid flat
    REFUSE = "refuse"
    WARN = "warn"  # told once, and let pass
    PASS = "pass"  # noqa: S105 - no password


@dataclass(frozen=True, slots=True)
class OwnHost:
    """
    A host of the user's own: whose API it speaks, and under which name its prices stand.

    `name` is what budgets match as the provider; `prices` is a provider of the price book, or
    `name` itself, whose prices the config has.
    """

    host: str  # a name, or `*.` and a domain
    like: str
    name: str
    prices: str
