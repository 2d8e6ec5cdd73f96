"""
The last verdict on each provider's bill, kept beside the ledger for whoever shows it.

    {"openai": {"at": "...", "tokens": 1200, "captured": 1180, "agrees": false, "verdict": "..."}}

One file, put in place whole: a page, a scraper and a proxy read it while another is written.
"""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from llmcap.words.errors import ReconcileError
from llmcap.words.paths import put_private


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of one comparison."""

    at: str  # ISO time
    since: str  # the first day that was compared, ISO
    tokens: int  # that the provider billed in that time; nano-dollars of one that tells no tokens
    captured: int  # those of them that passed here
    agrees: bool
    verdict: str  # in one line

    @property
    def rate(self) -> float | None:
        """The part of the bill that passed here; None where nothing was billed."""
        return self.captured / self.tokens if self.tokens else None

    def is_below(self, percent: int) -> bool:
        """Whether less of it passed here, exactly."""
        return self.captured * 100 < self.tokens * percent


def kept_path(ledger: str | Path) -> Path:
    """Where that is."""
    return Path(ledger).with_suffix(".captured.json")


def read_kept(ledger: str | Path) -> dict[str, Kept]:
    """By provider; what cannot be read is nothing, as a display must not stop for it."""
    found: dict[str, Kept] = {}
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        document = json.loads(kept_path(ledger).read_bytes())
        found = {provider: Kept(**each) for provider, each in sorted(document.items())}
    return found


def keep(ledger: str | Path, provider: str, verdict: Kept) -> None:
    """Put it in the place of the provider's last. Raises `ReconcileError`."""
    path = kept_path(ledger)
    document = {name: asdict(each) for name, each in read_kept(ledger).items()}
    document[provider] = asdict(verdict)
    try:
        put_private(path, (json.dumps(document, indent=2) + "\n").encode())
    except OSError as error:
        raise ReconcileError(f"{path} cannot be written: {error.strerror}") from error
