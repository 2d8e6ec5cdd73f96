"""What one case over nodes showed, and which promises it broke."""

from dataclasses import dataclass, field

from adversary.fleet.cases import FleetCase
from adversary.fleet.drive import Drive, Stay
from adversary.fleet.nodes import Node
from llmcap.words.money import usd_string

SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The figures of one case. Amounts are nano-dollars."""

    case: FleetCase
    cap: int  # the most that might be billed
    billed: int
    ledgers: int  # what all nodes' ledgers say was spent
    told: int | None  # what the treasury was told of; None: it does not answer
    out_most: int  # the most that the treasury had granted at once
    needed: int  # with so much left a call must be admitted, as LLMCap itself says
    stays: list[Stay]
    passing: int
    fates: dict[str, int]
    seconds: float
    open_holds: int = 0
    unsent: int = 0  # what ledgers have and the treasury's entries have not
    faults: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def broken(self) -> list[str]:
        """The promises that did not hold, in sentences."""
        return [*self._money(), *self._use(), *self.faults, *self._health()]

    def _money(self) -> list[str]:
        found = []
        if self.billed > self.cap:
            found.append(f"the bill is {usd_string(self.billed - self.cap)} USD above the cap")
        if self.out_most > self.case.cap_nanos:
            found.append(
                f"{usd_string(self.out_most - self.case.cap_nanos)} USD were granted above the cap"
            )
        if self.ledgers < self.billed:
            found.append(
                f"the ledgers are {usd_string(self.billed - self.ledgers)} USD below the bill"
            )
        if self.case.exact and self.ledgers != self.billed:
            found.append("all usage was told, and the ledgers are not the bill")
        if self.told != self.ledgers:
            found.append(
                f"the treasury was told of {usd_string(self.told or 0)} USD, the ledgers have "
                f"{usd_string(self.ledgers)}"
            )
        if self.unsent:
            found.append(f"entries of {usd_string(self.unsent)} USD are not in the treasury")
        return found

    def _use(self) -> list[str]:
        """No refusal stays while there is what a call needs: more is used on no single machine."""
        return [
            f"refused with {usd_string(stay.left)} USD left, where {usd_string(self.needed)} were "
            f"needed; {stay.where}: {stay.said}"
            for stay in self.stays
            if stay.left >= self.needed
        ]

    def _health(self) -> list[str]:
        found = [f"ledger: {each}" for each in self.damage[:SHOWN_MAX]]
        if self.open_holds:
            found.append(f"{self.open_holds} calls are still in flight in a ledger")
        if self.fates.get("failed") and not self.case.steps:
            found += [f"a call was not decided: {each}" for each in self.said[:SHOWN_MAX]]
        return found

    def line(self) -> str:
        """Its row of the table."""
        used = ", ".join(f"{stay.used:.2f}%" for stay in self.stays) or "-"
        calls = ", ".join(f"{count} {fate}" for fate, count in sorted(self.fates.items()))
        return (
            f"{self.case.name:<38} {usd_string(self.cap):>7} {usd_string(self.billed):>11} "
            f"{usd_string(max(self.billed - self.cap, 0)):>5} {used:>7} {self.passing:>5} "
            f"{usd_string(self.ledgers - self.billed):>11}  {calls:<34} {self.seconds:>5.1f}"
        )


def report_of(drive: Drive, *, needed: int, seconds: float) -> FleetReport:
    """When all nodes have ended."""
    nodes = drive.fleet.nodes
    return FleetReport(
        case=drive.case,
        cap=drive.bill_most,
        billed=drive.desk.billed,
        ledgers=sum(node.used_nanos() for node in nodes),
        told=drive.vault.told(),
        out_most=drive.vault.out_most,
        needed=needed,
        stays=drive.stays,
        passing=drive.passing,
        fates=dict(drive.fates),
        seconds=seconds,
        open_holds=sum(node.open_holds() for node in nodes if not node.retired),
        unsent=_unsent(drive),
        faults=[*drive.faults, *(_unaccounted(node) for node in nodes if node.unaccounted > 0)],
        damage=[each for node in nodes for each in node.damage()],
        said=drive.said,
    )


def _unaccounted(node: Node) -> str:
    amount = usd_string(node.unaccounted)
    return f"{node.name} died with {amount} USD billed that its file neither spent nor held"


def _unsent(drive: Drive) -> int:
    nodes = drive.fleet.nodes
    sent = drive.vault.entries_of([node.id() for node in nodes])
    return sum(node.used_nanos() for node in nodes) - sent
