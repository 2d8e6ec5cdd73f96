"""
What is known of things that calls name in place of a model, by provider and id.

It is kept in the ledger too, as agents outlive a proxy; what was never seen, or is forgotten there,
is held at the dearest model of its provider.
"""

import json
from collections import OrderedDict
from functools import partial

from llmcap.ledger import Ledger
from llmcap.shared.late import Late
from llmcap.words.errors import LedgerBusy, LedgerError
from llmcap.words.usage import Made

REMEMBERED_MAX = 10_000

# In the ledger they stand beside files that were uploaded, under a name that no file has.
_PREFIX = "made/"


class Things:
    """All that were told of."""

    def __init__(self, ledger: Ledger, *, late: Late) -> None:
        self._ledger = ledger
        self._late = late
        self._known: OrderedDict[tuple[str, str], Made] = OrderedDict()

    def keep(self, provider: str, made: Made) -> None:
        """The last word on a thing counts. One that cannot be written down is known to us alone."""
        if self._known.get((provider, made.id)) == made:
            return
        self._remember(provider, made.id, made)
        told: dict[str, object] = {"models": made.models, "tools": made.tools}
        if made.calls:
            told["calls"] = made.calls
        self._late.do(partial(self._write, provider, made.id, json.dumps(told)))

    def _write(self, provider: str, thing: str, told: str) -> None:
        try:
            self._ledger.keep_file(provider, _PREFIX + thing, told)
        except LedgerBusy:
            raise
        except LedgerError:
            return

    def find(self, provider: str, thing: str) -> Made | None:
        """What is known of it, by whatever proxy; None: it was not seen."""
        known = self._known.get((provider, thing))
        if known is None and (kept := self._ledger.file(provider, _PREFIX + thing)):
            told = json.loads(kept)
            models, tools = tuple(told["models"]), tuple(told["tools"])
            known = Made(thing, models, tools, calls=told.get("calls", 0))
            self._remember(provider, thing, known)
        return known

    def _remember(self, provider: str, thing: str, made: Made) -> None:
        self._known[provider, thing] = made
        self._known.move_to_end((provider, thing))
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
