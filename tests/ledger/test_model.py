"""
The ledger against a model of plain dictionaries, under whatever order of steps hypothesis finds.

The promise: after each step, every balance is the model's and the sum of its entries; what was
admitted never passes a cap; a hold ends once. The steps are holds (patient or not, clampable or
not), endings below, at and above the hold, extensions, refusals, corrections, deferred usage,
windows that turn, a clock that goes back, and proxies that crash, are recovered and come back, with
two of them on one file.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from books import RELEASED, FakeClock, assumed, budget, call, demand, scopes, settled
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import LedgerError
from llmcap.words.records import Admit, CapUnit, Deny, Hold, Scope, Settlement, Wait

# Each of them is the one that decides, now and then.
BUDGETS = [
    budget("0.000005", name="all"),  # 5000 nano-dollars
    budget("0.0000006/day", name="daily", project="?*"),
    budget("0.0000005/day", name="each", per=["project"]),
    budget("0.0000003/5h", name="rolling", project="[ab]"),
    budget("150 tokens/hour", name="tokens"),
    budget("12 requests/day", name="requests"),
    budget("3 concurrent", name="concurrent", project="?*"),
]
COUNTS = st.integers(0, 200)


@dataclass
class Held:
    """What the model knows of a call in flight."""

    proxy: SqliteLedger
    hold: Hold
    nanos: int
    tokens: int


@dataclass
class Account:
    """The model of a balance."""

    spent: int = 0
    held: int = 0
    overrun: int = 0  # what bills were above their holds: the part of `spent` nobody could prevent
    calls: int = 0
    refused: int = 0


@dataclass
class Books:
    """The model: balances by key, calls in flight, calls that ended."""

    accounts: dict[tuple, Account] = field(default_factory=dict)
    open: dict[int, Held] = field(default_factory=dict)
    ended: dict[int, tuple[Held, Settlement, bool]] = field(default_factory=dict)  # bool: recovered

    def account(self, scope: Scope) -> Account:
        """The balance of a scope."""
        key = (scope.budget.name, scope.value, scope.run, scope.window_start)
        return self.accounts.setdefault(key, Account())

    def near(self, scope: Scope) -> list[Account]:
        """The balances that count together with a scope."""
        return [
            account
            for (name, value, run, start), account in self.accounts.items()
            if (name, value, run) == (scope.budget.name, scope.value, scope.run)
            and (start == scope.window_start or abs(start - scope.window_start) < scope.reach)
        ]

    def left(self, scope: Scope, *, back: bool = False) -> int:
        """What a scope can still carry; with `back`, once nothing is held."""
        counted = self.near(scope)
        held = 0 if back else sum(account.held for account in counted)
        return scope.budget.cap - sum(account.spent for account in counted) - held


def amount(scope: Scope, nanos: int, tokens: int, calls: int = 1) -> int:
    """In the unit of a cap."""
    return {CapUnit.USD: nanos, CapUnit.TOKENS: tokens}.get(scope.budget.unit, calls)


def spends(scope: Scope, held: Held, settlement: Settlement) -> int:
    """What a settlement adds to a scope."""
    if settlement is RELEASED or scope.budget.unit is CapUnit.CONCURRENT:
        return 0
    usage = settlement.usage
    tokens = usage.input_tokens + usage.output_tokens
    at_hold = 0 < held.nanos <= settlement.cost_nanos or usage.output_tokens == 0
    if settlement.ending == "assumed" and at_hold:
        tokens = max(tokens, held.tokens)
    return amount(scope, settlement.cost_nanos, tokens)


class LedgerModel(RuleBasedStateMachine):
    """Two proxies, one file."""

    holds = Bundle("holds")
    pasts = Bundle("pasts")

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.books = Books()
        self.proxies = [self.opened(), self.opened()]
        self.answers = 0

    def opened(self) -> SqliteLedger:
        """A proxy that starts."""
        return SqliteLedger(self.folder / "ledger.sqlite3", clock=self.clock)

    def teardown(self):
        """The last audit is after all have ended."""
        for proxy in self.proxies:
            proxy.close()
        self.books.open.clear()
        again = self.opened()
        assert again.audit() == []
        again.close()
        shutil.rmtree(self.folder)

    @initialize(target=holds)
    def nothing_is_held(self):
        """Bundles begin empty."""
        return multiple()

    # --- steps ----------------------------------------------------------------------------------

    @rule(
        target=holds,
        proxy=st.integers(0, 1),
        project=st.sampled_from(["", "a", "b"]),
        fixed=COUNTS,
        per=st.integers(0, 3),
        limit=st.integers(0, 60),
        least=st.none() | st.integers(0, 20),
        tokens=st.integers(0, 40),
        patient=st.booleans(),
    )
    def hold(self, proxy, project, fixed, per, limit, least, tokens, patient):
        """Admitted exactly when the model says so, and for as much."""
        one = call(at=self.clock(), project=project)
        wanted = demand(fixed, per, limit, least=least, tokens=tokens)
        over = scopes(BUDGETS, one)
        decision = self.proxies[proxy].hold(one, over, wanted, patient=patient)

        def fits(output: int, *, back: bool = False) -> bool:
            needs = [
                (
                    amount(each, fixed + per * output, tokens + output),
                    self.books.left(each, back=back),
                )
                for each in over
            ]
            return all(need == 0 or need <= left for need, left in needs)

        floor = max(least or 0, 1)
        outputs = range(floor, limit) if least is not None else range(0)
        if fits(limit):
            assert isinstance(decision, Admit)
            assert decision.output_limit is None
            output = limit
        elif patient and fits(limit, back=True):
            assert isinstance(decision, Wait)
            return multiple()
        elif best := [output for output in outputs if fits(output)]:
            assert isinstance(decision, Admit)
            assert decision.output_limit == best[-1]
            output = best[-1]
        elif patient and any(fits(output, back=True) for output in outputs):
            assert isinstance(decision, Wait)
            return multiple()
        else:
            assert isinstance(decision, Deny)
            return multiple()
        held = Held(self.proxies[proxy], decision.hold, fixed + per * output, tokens + output)
        assert (decision.hold.held_nanos, decision.hold.held_tokens) == (held.nanos, held.tokens)
        self.books.open[decision.hold.id] = held
        for scope in over:
            self.books.account(scope).held += amount(scope, held.nanos, held.tokens)
        return decision.hold.id

    @rule(
        target=pasts,
        hold_id=consumes(holds),
        kind=st.sampled_from([settled, assumed]),
        share=st.integers(0, 120),
        tokens=st.integers(0, 100),
    )
    def end(self, hold_id, kind, share, tokens):
        """At, below or above the hold; late, when another proxy thought this one dead."""
        nanos = self.books.open[hold_id].nanos if hold_id in self.books.open else 100
        self.finish(hold_id, kind(nanos * share // 100, tokens=tokens))
        return hold_id

    @rule(target=pasts, hold_id=consumes(holds))
    def release(self, hold_id):
        """The provider refused."""
        self.finish(hold_id, RELEASED)
        return hold_id

    def finish(self, hold_id: int, settlement: Settlement) -> None:
        """End a hold in both."""
        if hold_id in self.books.open:
            held = self.books.open.pop(hold_id)
            held.proxy.end(held.hold, settlement)
            self.post(held, settlement)
            return
        held, before, recovered = self.books.ended[hold_id]
        if recovered:
            # It was taken for dead, and was not: now it tells what the call really cost.
            held.proxy.end(held.hold, settlement)
            self.change(held, before, settlement)
        else:
            with pytest.raises(LedgerError):
                held.proxy.end(held.hold, settlement)

    def post(self, held: Held, settlement: Settlement, *, recovered: bool = False) -> None:
        """An ending, in the model."""
        for scope in held.hold.scopes:
            account = self.books.account(scope)
            reserved = amount(scope, held.nanos, held.tokens)
            account.held -= reserved
            spent = spends(scope, held, settlement)
            account.spent += spent
            account.overrun += max(spent - reserved, 0)
            account.calls += settlement is not RELEASED
        self.books.ended[held.hold.id] = (held, settlement, recovered)

    def change(self, held: Held, before: Settlement, after: Settlement) -> None:
        """A correction, in the model."""
        for scope in held.hold.scopes:
            account = self.books.account(scope)
            was = spends(scope, held, before)
            becomes = spends(scope, held, after)
            account.spent += becomes - was
            account.overrun += max(becomes - was, 0)
            account.calls += (after is not RELEASED) - (before is not RELEASED)
        self.books.ended[held.hold.id] = (held, after, False)

    @rule(hold_id=pasts, settlement=st.sampled_from([RELEASED, settled(7), assumed(9)]))
    def end_again(self, hold_id, settlement):
        """A hold that has ended stays ended."""
        held, _, recovered = self.books.ended[hold_id]
        if not recovered:
            with pytest.raises(LedgerError, match=r"was already|is closed"):
                held.proxy.end(held.hold, settlement)

    @rule(hold_id=pasts, cost=COUNTS, tokens=COUNTS)
    def correct(self, hold_id, cost, tokens):
        """Better knowledge about a call that has ended."""
        held, before, _ = self.books.ended[hold_id]
        after = settled(cost, tokens=tokens)
        self.proxies[0].correct(held.hold, after)
        self.change(held, before, after)

    @rule(hold_id=holds, nanos=COUNTS, tokens=st.integers(0, 60))
    def extend(self, hold_id, nanos, tokens):
        """A further slice, in all budgets or in none, in the windows of the hold."""
        held = self.books.open.get(hold_id)
        if held is None:
            return
        more = [(scope, amount(scope, nanos, tokens, 0)) for scope in held.hold.scopes]
        fits = all(need == 0 or need <= self.books.left(scope) for scope, need in more)
        extended = held.proxy.extend(held.hold, nanos, tokens)
        assert (extended is not None) is fits
        if extended is not None:
            held.hold, held.nanos, held.tokens = extended, held.nanos + nanos, held.tokens + tokens
            assert (extended.held_nanos, extended.held_tokens) == (held.nanos, held.tokens)
            for scope, need in more:
                self.books.account(scope).held += need

    @rule(proxy=st.integers(0, 1), project=st.sampled_from(["", "a"]))
    def refuse(self, proxy, project):
        """A refused call is counted where it was refused."""
        one = call(at=self.clock(), project=project)
        over = scopes(BUDGETS, one)
        decision = self.proxies[proxy].hold(one, over, demand(10**9))
        assert isinstance(decision, Deny)
        self.proxies[proxy].refuse(one, decision)
        self.books.account(decision.scope).refused += 1

    @rule(proxy=st.integers(0, 1), cost=COUNTS, repeat=st.booleans())
    def charge_once(self, proxy, cost, repeat):
        """Usage that comes later is posted under its id, once."""
        known = repeat and self.answers > 0
        self.answers += not known
        one = call(at=self.clock())
        over = scopes(BUDGETS, one)
        answer = settled(cost, tokens=1, response_id=f"resp_{self.answers}")
        assert self.proxies[proxy].charge_once(one, over, answer) is not known
        if not known:
            for scope in over:
                account = self.books.account(scope)
                spent = spends(scope, Held(self.proxies[proxy], None, 0, 0), answer)
                account.spent += spent
                account.overrun += spent  # nothing was held for it
                account.calls += 1

    # --- time and death -------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 5, 60, 240, 300, 305, 1_440, -5, -60, -300]))
    def time_passes(self, minutes):
        """Windows turn, with calls in flight; now and then the clock is put back."""
        self.clock.now += timedelta(minutes=minutes)

    @rule(proxy=st.integers(0, 1))
    def crash(self, proxy):
        """A proxy is taken for dead and started again; whoever looks first assumes what it held."""
        dead = self.proxies[proxy]
        dead._store.close()
        dead._lock.release(remove=False)
        self.proxies[proxy] = self.opened()
        self.assume(dead, recovered=True)

    @precondition(lambda self: self.books.open)
    @rule(proxy=st.integers(0, 1))
    def stop(self, proxy):
        """A proxy ends well; what it held is assumed, too."""
        self.proxies[proxy].close()
        self.assume(self.proxies[proxy], recovered=False)
        self.proxies[proxy] = self.opened()

    def assume(self, proxy: SqliteLedger, *, recovered: bool) -> None:
        """What a proxy held is spent, as far as anyone knows."""
        for held in [held for held in self.books.open.values() if held.proxy is proxy]:
            del self.books.open[held.hold.id]
            self.post(held, assumed(held.nanos), recovered=recovered)

    @rule(proxy=st.integers(0, 1))
    def recover(self, proxy):
        """Nobody has died unnoticed, so there is nothing to recover."""
        assert self.proxies[proxy].recover() == []

    # --- the promises ---------------------------------------------------------------------------

    @invariant()
    def balances_are_the_models(self):
        """Balance by balance, and each the sum of its entries."""
        rows = (
            self.proxies[0]
            ._store.reading()
            .execute(
                "SELECT name, value, run, window_start, spent, held, calls, refused "
                "FROM balances JOIN budgets ON budgets.id = budget_id"
            )
        )
        found = {row[:4]: row[4:] for row in rows}
        for (name, value, run, start), account in self.books.accounts.items():
            key = (name, value, run, int(start.timestamp()))
            expected = (account.spent, account.held, account.calls, account.refused)
            assert found.pop(key) == expected, key
        assert all(not any(figures) for figures in found.values()), found
        assert self.proxies[1].audit() == []

    @invariant()
    def admitted_money_never_passes_a_cap(self):
        """Apart from what bills were above their holds, spent and held fit in every cap."""
        for budget_, starts in self.by_budget().items():
            for start, reach in starts:
                near = [
                    account
                    for (name, value, run, other), account in self.books.accounts.items()
                    if (name, value, run) == budget_[:3] and start <= other < start + reach
                ]
                total = sum(account.spent + account.held - account.overrun for account in near)
                assert total <= budget_[3], (budget_, start)

    def by_budget(self):
        """Each budget and value, with the stretches over which its cap holds."""
        by_name = {each.name: each for each in BUDGETS}
        found = {}
        for name, value, run, start in self.books.accounts:
            each = by_name[name]
            reach = timedelta(hours=5) if each.every == "5h" else timedelta(microseconds=1)
            found.setdefault((name, value, run, each.cap), []).append((start, reach))
        return found


TestLedger = LedgerModel.TestCase
TestLedger.settings = settings(
    max_examples=settings.default.max_examples // 4,  # an example is thirty steps
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
