"""What the proxy's event loop and the node's desk hand to each other."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from llmcap.treasury.protocol import Account, Figures
from llmcap.words.records import Scope


@dataclass(frozen=True, slots=True)
class Need:
    """What one call needs of one account."""

    account: Account
    scope: Scope
    amount: int
    more: int = 0  # so much beside it would be of use at once


@dataclass(slots=True, eq=False)
class Ask:
    """What a call that waits asks for: all of it, or nothing. Each is only equal to itself."""

    needs: tuple[Need, ...]
    patient: bool = False
    last: bool = False
    done: Future[None] = field(default_factory=Future)

    @property
    def kind(self) -> tuple[object, ...]:
        """What asks that can go in one message have in common."""
        return tuple([need.account for need in self.needs]), self.patient, self.last


@dataclass(frozen=True, slots=True)
class View:
    """What the treasury said of an account, and when (monotonic, nanoseconds)."""

    figures: Figures
    at: int
