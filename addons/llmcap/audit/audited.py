"""What an audit says of one exchange: what it used and cost, and as JSON."""

from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from llmcap.metering.bill import total
from llmcap.words.money import usd_string
from llmcap.words.usage import COUNTS, Charge, Usage

_counts = attrgetter(*COUNTS)

# Always shown where there is a usage; everything else only where it is not zero.
_SHOWN = frozenset((
    "input_tokens", "output_tokens", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning",
))  # fmt: skip


class Audited(NamedTuple):
    """
    One exchange. `cost_nanos` is None where it cannot be known, 0 where nothing is billed.

    `deferred` says that the usage, if any, belongs to an earlier call; `assumed`, that nobody told
    it and it was counted from the text.
    """

    id: str
    at: datetime
    provider: str | None = None
    endpoint: str | None = None
    model: str | None = None
    billable: bool = False
    deferred: bool = False
    assumed: bool = False
    charges: tuple[Charge, ...] = ()
    cost_nanos: int | None = 0
    responses: int | None = None  # of a WebSocket session: how many told a usage
    note: str = ""

    @property
    def usage(self) -> Usage | None:
        """The counts of all models together; None where no usage was told."""
        return total(self.charges) if self.charges else None

    def document(self) -> dict[str, Any]:
        """The object of this exchange in `--json`; money is a decimal string."""
        cost = None if self.cost_nanos is None else usd_string(self.cost_nanos)
        usage = self.usage
        document: dict[str, Any] = {
            "id": self.id,
            "time": self.at.isoformat(),
            "provider": self.provider,
            "endpoint": self.endpoint,
            "model": self.model,
            "billable": self.billable,
            "deferred": self.deferred,
            "assumed": self.assumed,
            "usage": None if usage is None else usage_document(usage),
            "cost_usd": cost,
            "note": self.note,
        }
        if self.responses is not None:
            document["responses"] = self.responses
        if len(self.charges) > 1:
            document["charges"] = [
                {"model": charge.model, "terms": list(charge.terms), **usage_document(charge.usage)}
                for charge in self.charges
            ]
        return document


def usage_document(usage: Usage) -> dict[str, Any]:
    """A usage as JSON: the main counts always, the others and the fees where there are any."""
    document: dict[str, Any] = {
        name: value
        for name, value in zip(COUNTS, _counts(usage), strict=True)
        if value or name in _SHOWN
    }
    if writes := usage.cache_write_5m + usage.cache_write_1h:
        document["cache_write"] = writes
    for name, count in usage.extras.items():
        document[name] = str(count) if isinstance(count, Decimal) else count
    return document
