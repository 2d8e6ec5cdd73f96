"""What one case showed, which promises it broke, and the table of all."""

from dataclasses import dataclass, field

from adversary.cases import Case
from adversary.client import Fate
from llmcap.words.money import usd_string

SHOWN_MAX = 3

HEAD = (
    f"{'case':<38} {'cap':>7} {'bill':>11} {'over':>5} {'used':>7} {'early':>5} "
    f"{'ledger-bill':>11}  {'calls':<34} {'s':>5}"
)


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one case. Amounts are nano-dollars."""

    case: Case
    seed: str
    bill: int
    bill_of_window: int  # the most within one window of the budget
    ledger: int
    bill_at_persistent_refusal: int | None
    early_refusals: int
    fates: dict[Fate, int]
    details: dict[Fate, list[str]]
    deaths: int
    seconds: float
    settled: bool
    mismatches: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def overshoot(self) -> int:
        """How far the bill is above the cap."""
        return max(self.bill_of_window - self.case.cap_nanos, 0)

    @property
    def utilisation(self) -> float | None:
        """Percent of the cap that was billed when a refusal stayed; None where none did."""
        at = self.bill_at_persistent_refusal
        return None if at is None else 100 * at / self.case.cap_nanos

    def broken(self) -> list[str]:
        """The promises that did not hold, in sentences."""
        return [*self._money(), *self._service(), *self._health()]

    def _money(self) -> list[str]:
        case, found = self.case, []
        if self.overshoot:
            found.append(f"the bill is {usd_string(self.overshoot)} USD above the cap")
        if self.ledger < self.bill:
            found.append(f"the ledger is {usd_string(self.bill - self.ledger)} USD below the bill")
        if case.exact and self.ledger != self.bill:
            found.append("all usage was told, and the ledger is not the bill")
        is_told = self.fates.get(Fate.SERVED) or not case.above_served
        near = self.bill * (100 + (case.above_max or 0))
        if case.above_max is not None and is_told and self.ledger * 100 > near:
            above = 100 * (self.ledger - self.bill) / self.bill
            found.append(f"the ledger is {above:.1f} % above the bill, promised {case.above_max} %")
        if case.window_seconds and self.bill < 2 * case.cap_nanos:
            found.append("the window never opened again")
        if self.deaths < len(case.kills_at):
            found.append(f"{self.deaths} kills of {len(case.kills_at)}: the cap was used up before")
        if case.utilisation_min is not None:
            used = self.utilisation
            if used is None:
                found.append("the cap was never met")
            elif used < case.utilisation_min:
                found.append(f"refused for good at {used:.2f} %, promised {case.utilisation_min} %")
        return found + _shown("per call: ", self.mismatches)

    def _service(self) -> list[str]:
        found = []
        if self.case.never_early and self.early_refusals:
            found.append(f"{self.early_refusals} refusals while less than half was spent")
            found += _shown("refusal: ", self.details.get(Fate.REFUSED, []))
        for fate, count in self.fates.items():
            if fate not in self.case.fates:
                found.append(f"{count} calls were {fate}")
                found += _shown(f"{fate}: ", self.details.get(fate, []))
        return found

    def _health(self) -> list[str]:
        leaks = self.case.all_settle and not self.settled
        found = ["calls were still in flight at the end"] if leaks else []
        return [*found, *_shown("ledger: ", self.damage), *_shown("log: ", self.trouble)]

    def line(self) -> str:
        """Its row of the table."""
        used = "-" if self.utilisation is None else f"{self.utilisation:.2f}%"
        calls = ", ".join(f"{count} {fate}" for fate, count in sorted(self.fates.items()))
        return (
            f"{self.case.name:<38} {self.case.cap:>7} {usd_string(self.bill):>11} "
            f"{usd_string(self.overshoot):>5} {used:>7} {self.early_refusals:>5} "
            f"{usd_string(self.ledger - self.bill):>11}  {calls:<34} {self.seconds:>5.1f}"
        )


def _shown(prefix: str, lines: list[str]) -> list[str]:
    shown = [f"{prefix}{line}" for line in lines[:SHOWN_MAX]]
    more = len(lines) - SHOWN_MAX
    return [*shown, f"{prefix}and {more} more"] if more > 0 else shown
