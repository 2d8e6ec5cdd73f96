"""
Which error answers a vendor bills though they tell no usage, and for what.

A fact per vendor with its source. An error that stands in no row costs nothing: most vendors say
that they bill what they answer with 200 only, and the others say nothing of errors. But one that
says that somebody on the way stopped waiting is no answer of the vendor's.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Billed(StrEnum):
    """What of a call that was refused may be billed."""

    INPUT = "its input"
    ALL = "all that was asked for"


class Refused(NamedTuple):
    """One kind of error: its statuses, and in small letters what its body has one of, if any."""

    statuses: range | tuple[int, ...]
    marks: tuple[bytes, ...]
    bills: Billed
    source: str


# Azure may bill work that ended in an error: it names a 400 of the content filter or of a prompt
# that is too long and a 408, and says that 401 and 429 are free. A prompt that is filtered with a
# 400 is billed with its completion, as the filter runs beside the model. A gateway tells the same
# timeout as 504, and what broke on the way as 500 or 502, when all of it may have been done.
_COSTS = "https://learn.microsoft.com/azure/ai-services/openai/how-to/manage-costs"
_FILTER = "https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter"
_FILTERED = (b"content_filter", b"contentfilter", b"content_policy", b"responsibleaipolicy")
_TOO_LONG = (b"context_length", b"context length", b"input_limit", b"string_above_max")
_AZURE = (
    Refused((400,), _FILTERED, Billed.ALL, _FILTER),
    Refused((400, 413), _TOO_LONG, Billed.INPUT, _COSTS),
    Refused((408, 500, 502, 504), (), Billed.ALL, _COSTS),
)

# What the vendor had done when the time was over is billed as in any call whose answer never came.
# 408 and 504: https://www.rfc-editor.org/rfc/rfc9110#status.504; 499 is nginx's, for a client (as a
# gateway is) that left; 520 and 524: https://developers.cloudflare.com/support/troubleshooting/
# http-status-codes/cloudflare-5xx-errors, after the request was sent; 598 and 599 are proxies'.
TIMED_OUT = frozenset((408, 499, 504, 520, 524, 598, 599))

# The same in gRPC, where the call was cancelled or its deadline passed:
# https://grpc.io/docs/guides/status-codes
GRPC_STATUSES = MappingProxyType({"1": 499, "4": 504})

# xAI bills what it generated against its guidelines, and where its Responses API finds that out
# before it generates anything, a fee of $0.05 for the request.
_XAI_PRICING = "https://docs.x.ai/developers/pricing, Usage Guidelines Violation Fee"
_VIOLATES = (b"violates usage guideline", b"safety_check_type", b"usage guideline violation")
_XAI = (Refused(range(400, 600), _VIOLATES, Billed.ALL, _XAI_PRICING),)

REFUSED: Mapping[str, tuple[Refused, ...]] = MappingProxyType(
    {"azure-openai": _AZURE, "azure-ai": _AZURE, "xai": _XAI}
)

# What a refusal may cost in place of the call, in dollars, by vendor and endpoint.
FEES: Mapping[tuple[str, str], Decimal] = MappingProxyType({("xai", "responses"): Decimal("0.05")})
FEE_BY = "the vendor's fee for a request that it refuses"


def refused(provider: str, status: int, body: bytes | None) -> Refused | None:
    """
    The row of an error answer, or None where it costs nothing.

    `body` is the beginning of it, decoded; None where it did not come whole or cannot be read:
    what it may have said is then taken to have been said, the dearest first.
    """
    rows = [row for row in REFUSED.get(provider, ()) if status in row.statuses]
    if body is None:
        return next(iter(sorted(rows, key=lambda row: row.bills is Billed.INPUT)), None)
    said = body.lower()
    return next((row for row in rows if not row.marks or any(m in said for m in row.marks)), None)


def fee_usd(provider: str, endpoint: str) -> Decimal:
    """What a call to this endpoint may cost where it is refused, whatever it asks for."""
    return FEES.get((provider, endpoint), Decimal(0))
