"""
Refusals that a moment's wait cures: budgets of requests or tokens per minute, and calls in flight.

They are what providers' own rate limits are, and are worded like those: with `retry-after`, which
every SDK obeys, and with the headers that say how much is left and when there is more. A budget of
money, or one over an hour, is never told so: several programs would sleep for it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from llmcap.words.records import CapUnit, Deny

Document = dict[str, Any]

# OpenAI's SDKs take a `retry-after` for what it says up to a minute; a bucket may be added to that.
WAIT_MAX = timedelta(seconds=62)
IN_FLIGHT_SECONDS = 1

_OPENAI = frozenset({"generic", "openai", "openai_responses", "azure", "xai"})
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def retry_after(deny: Deny, now: datetime) -> int | None:
    """Seconds after which the same call can go, where that is a rate limit's affair; else None."""
    scope, balance = deny.scope, deny.balance
    unit = scope.budget.unit
    cap = scope.budget.cap + balance.raised
    if unit is CapUnit.USD or balance.paused or deny.needed > cap:
        return None
    if unit is CapUnit.CONCURRENT:
        return IN_FLIGHT_SECONDS
    if scope.resets_at is None or scope.resets_at - now > WAIT_MAX:
        return None
    return max(1, -(-(scope.resets_at - now) // timedelta(seconds=1)))


def headers(
    dialect: str, *, unit: CapUnit, cap: int, left: int, seconds: int, resets_at: datetime | None
) -> Mapping[str, str]:
    """`retry-after`, and what the provider's own server says beside it."""
    found = {"retry-after": str(seconds), "x-should-retry": "true"}
    if unit is CapUnit.CONCURRENT:
        return found
    figures = {"limit": str(cap), "remaining": str(left)}
    if dialect in _OPENAI:
        # https://developers.openai.com/api/docs/guides/rate-limits
        told = {f"x-ratelimit-{name}-{unit}": text for name, text in figures.items()}
        return {**found, **told, f"x-ratelimit-reset-{unit}": f"{seconds}s"}
    if dialect == "anthropic" and resets_at is not None:
        # https://platform.claude.com/docs/en/api/rate-limits
        told = {f"anthropic-ratelimit-{unit}-{name}": text for name, text in figures.items()}
        reset = resets_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {**found, **told, f"anthropic-ratelimit-{unit}-reset": reset}
    if dialect == "bedrock":
        return {**found, "x-amzn-errortype": "ThrottlingException"}
    return found


def worded(document: Document, dialect: str, *, unit: CapUnit, seconds: int) -> Document:
    """A dialect's error for a quota, as its server words one for a rate."""
    error = document.get("error")
    if not isinstance(error, dict):
        return document
    if dialect in _OPENAI:
        kind = str(unit) if unit is not CapUnit.CONCURRENT else "requests"
        changed = {"type": kind, "code": "rate_limit_exceeded"}
        return {**document, "error": {**error, **changed}}
    if dialect == "anthropic":
        kept = {name: value for name, value in error.items() if name != "details"}
        return {**document, "error": kept}
    if dialect == "google":
        retry = {"@type": _RETRY_INFO, "retryDelay": f"{seconds}s"}
        details = [each for each in error["details"] if "violations" not in each]
        return {**document, "error": {**error, "details": [*details, retry]}}
    return document
