"""
One call at the door: all that is known of it, and what it may cost at most.

It is the data that every later step works on. Whether it may go is asked in `walk.decision`, and
what became of it is in `flight`; nothing here knows either.
"""

import copy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from llmcap.bounds.estimate import demand, sold
from llmcap.bounds.lots import lots_demand
from llmcap.bounds.media import in_units
from llmcap.brakes.breakers import Outcome
from llmcap.budgets.waiting import Key
from llmcap.metering.habits import Caller
from llmcap.metering.visible import UNSEEN_TOKENS, Visible
from llmcap.pricing.terms import kind_of, settled
from llmcap.providers.parts.content import texts
from llmcap.providers.parts.leaving import stops
from llmcap.providers.parts.refused import fee_usd
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Provider, Request
from llmcap.replies import Refusal, refusal_for
from llmcap.shared.state import Shared
from llmcap.walk import prompted
from llmcap.walk.allowance import SLICE_AHEAD_TOKENS
from llmcap.walk.ordering import with_named
from llmcap.words.errors import FormatError, NoBound
from llmcap.words.records import (
    Call,
    Demand,
    Deny,
    Hold,
    HoldMode,
    Price,
    Reading,
    Scope,
    Usage,
)  # fmt: skip
from llmcap.words.usage import Made

# Documents and recordings up to this size are looked at whether there is money for more or not.
SMALL_BYTES = 256 * 1024


class Admission:
    """One call and its demand."""

    def __init__(
        self,
        shared: Shared,
        *,
        provider: Provider,
        endpoint: Endpoint,
        request: Request,
        ask: Ask,
        call: Call,
        prices: list[Price],
        scopes: tuple[Scope, ...],
    ) -> None:
        self.shared = shared
        self.provider = provider
        self.endpoint = endpoint
        self.request = request
        self.ask = ask
        self.call = call
        self.prices = prices
        # Whatever the config says by then: it is settled by the book that its hold was made by.
        self.price_of = shared.prices_now().of
        self.scopes = scopes
        self.signed = provider.signed(request.headers)
        self.fewer_tools = (
            False  # whether the request allows fewer calls of tools than it came with
        )
        self.asked_model = ""  # where a threshold has put another in its place
        self.delay_seconds = Decimal(0)  # of a throttle
        self.waited = timedelta(0)  # for that, and for money of others
        self.fingerprint = shared.fingerprint_of(request)
        self.text_tokens: int | None = None
        self.unbounded = ""  # why nothing bounds what it costs, once somebody has looked
        self.counted = False
        self._read: tuple[Request, int | None] | None = None  # of this request, its prompt
        self.demand = self._demand(ask)

    @property
    def keys(self) -> frozenset[Key]:
        """What this call competes for, in the line of waiters."""
        return frozenset((scope.budget.name, scope.value) for scope in self.enforced)

    @property
    def enforced(self) -> list[Scope]:
        """The scopes of budgets that stop calls, and not only watch."""
        return [scope for scope in self.scopes if not scope.budget.watched]

    @property
    def sliced(self) -> bool:
        """
        Whether this call holds its output slice by slice: all of it shows, and it can be cut.

        A vendor that is not known to stop may bill the whole answer, so all of it is held.
        """
        return (
            self.ask.stream
            and self.shows_all
            and self.limitable
            and stops(self.provider.name, stream=True)
            and bool(self.enforced)
            and all(scope.budget.hold is HoldMode.SLICED for scope in self.enforced)
        )

    @property
    def shows_all(self) -> bool:
        """Whether all output that is billed can be seen in the answer."""
        return not (self.ask.hidden_work and self.prices[0].reasons)

    @property
    def paced(self) -> bool:
        """
        Whether it is paid by what its model writes until its client goes, and by nothing else.

        Not where the vendor's tools or other models work on out of sight, or what it asks for is
        made later.
        """
        ask = self.ask
        elsewhere = ask.loops > 1 or ask.extra_input or ask.extra_output or ask.fees
        later = ask.deferred or ask.lots or ask.other_models
        return (
            ask.generates
            and not (elsewhere or later)
            and stops(self.provider.name, stream=ask.stream)
        )

    @property
    def limitable(self) -> bool:
        """Whether the request can be rewritten to a lower output limit."""
        has_limit = self.endpoint.limit is not None or self.endpoint.limit_body is not None
        return has_limit and not self.signed

    @property
    def tools_limitable(self) -> bool:
        """Whether the request can be rewritten to fewer calls of its vendor's own tools."""
        endpoint = self.endpoint
        return (
            (endpoint.limit_tools is not None or endpoint.limit_tools_body is not None)
            and self.ask.tool_calls > 1
            and self.shared.policy.clamp
            and not self.signed
        )

    @property
    def shows_tools(self) -> bool:
        """Whether its stream shows each call of its vendor's own tools as it begins."""
        endpoint = self.endpoint
        shows = endpoint.using_tools is not None or endpoint.limit_tools_body is not None
        return shows and self.ask.tool_calls > 0

    def with_tools(self, most: int) -> "Admission | None":
        """The same call with so many calls of tools at most; None where that cannot be said."""
        endpoint = self.endpoint
        limited: Document | bytes | None
        if endpoint.limit_tools_body is not None:
            limited = endpoint.limit_tools_body(self.request.body, most)
        else:
            assert endpoint.limit_tools is not None, endpoint.name
            limited = endpoint.limit_tools(self.request.document(), most)
        if limited is None or (asked := self._asking(limited)) is None:
            return None
        request, ask, prices = asked
        if ask.tool_calls >= self.ask.tool_calls:
            return None
        lower = copy.copy(self)
        lower.request, lower.ask, lower.prices = request, ask, prices
        lower.fewer_tools = True
        lower.demand = self._demand(ask, prices)
        return lower

    @property
    def usual(self) -> Demand | None:
        """What it costs if it is paced, under the terms that its caller is usually served under."""
        if not self.paced:
            return None
        terms = self.habit
        if not terms:
            return self.demand
        return self._demand(replace(self.ask, terms=settled(self.ask.terms, terms)))

    @property
    def habit(self) -> list[str]:
        """The terms that it did not ask for, and that its caller is usually served under."""
        habit = self.shared.habits.of(self._caller)
        return [term for term in habit if self._is_untold(term)]

    def learned(self, reading: Reading, usage: Usage, visible: Visible, *, failed: bool) -> None:
        """
        So much was billed for it, under what the answer told, and that fast it was made.

        What `failed` may have read a part of its prompt, or nothing.
        """
        self.shared.habits.observe(self._caller, filter(self._is_untold, reading.terms))
        if not (self.ask.deferred or self.ask.lots):
            tokens = usage.output_tokens // self.ask.choices
            visible.tell(self.shared.paces, tokens, streamed=self.ask.stream)
            self.shared.keep_paces()
        if not failed:
            prompted.learn(self, usage)
        if self.text_tokens is not None and not self.ask.media:
            self.shared.counter.learn(
                family=self.provider.name,
                bound=self.text_tokens + UNSEEN_TOKENS,
                billed=usage.input_tokens,
            )

    def placed(self) -> None:
        """It waits for its usage: who fetches that later has to know how many calls it ordered."""
        ask = self.ask
        if calls := len(ask.parts) or sum(lot.calls for lot in ask.lots):
            made = Made(self.call.id, (ask.model, *ask.other_models), calls=calls)
            self.shared.things.keep(self.provider.price_key, made)

    def ended(self, outcome: Outcome) -> None:
        """The call has ended, as far as breakers are concerned."""
        self.shared.guard.ended(self.call, outcome, self.fingerprint)

    def abandoned(self) -> None:
        """It will not go, whatever the breakers said."""
        self.shared.guard.forget(self.call, self.fingerprint)

    @property
    def must_count(self) -> bool:
        """
        Whether the cheap bound is not enough, whatever it is.

        Answers do not always tell how long a recording was: what was found in it is then billed.
        A small document takes a thread some milliseconds to read, and unread it fills the window:
        that would keep money from others while the call goes on.
        """
        if self.counted:
            return False
        small = self.must_parse and self.work_bytes <= SMALL_BYTES
        return small or any(each.unit in self.ask.fees for each in self.ask.media)

    @property
    def work_bytes(self) -> int:
        """How much there is to be counted, about."""
        return self.ask.text_bytes + sum(media.bytes or 0 for media in self.ask.media)

    @property
    def must_parse(self) -> bool:
        """Whether it brings a document or a recording: what reads those takes its time to load."""
        return any(each.kind != "image" and each.bytes is not None for each in self.ask.media)

    def count_tokens(self) -> None:
        """Replace the cheap bound by a count; slow for a large prompt, and safe in a thread."""
        self.counted = True
        try:
            self.ask = in_units(self.ask, self.prices[0], looked=True)
            self._count()
        except (FormatError, NoBound) as error:
            self.unbounded = str(error)

    def _count(self) -> None:
        if self.ask.lots:
            self.demand = self._demand(self.ask)  # they were counted when their file was read
            return
        family = self.provider.name
        counted = self.shared.counter.bound(texts(self.request), family=family)
        self.text_tokens = min(counted, self.ask.text_bytes)
        self.demand = self._demand(self.ask)
        if self.ask.stream:  # it is looked at while it runs: then its event loop would count
            self._prompt_tokens(self.request)

    def served_under(
        self, terms: tuple[str, ...], *, begun: int | None = None, prompt_tokens: int | None = None
    ) -> Demand:
        """
        The demand of the same call, where its answer has told terms under which it is served, and
        how many calls of tools were `begun` at most. `prompt_tokens` were told by another answer.

        What was held for what it asked, or for what its account may have by default, is then not
        what it cost.
        """
        used = self._using(begun) if begun is not None else None
        request, ask, prices = used or (self.request, self.ask, self.prices)
        known = replace(ask, terms=settled(ask.terms, terms))
        if prompt_tokens is None:
            prompt_tokens = self._prompt_tokens(request)
        return self._demand(known, prices, answered=True, prompt_tokens=prompt_tokens)

    def cut_refusal(self, hold: Hold) -> Refusal:
        """Why a stream is cut: the first budget that could not hold more for it."""
        balances = self.shared.ledger.balances_of(hold)
        for scope, balance in zip(hold.scopes, balances, strict=True):
            if scope.budget.cap - balance.spent - balance.held < self.demand.ceiling_nanos():
                deny = Deny(scope, balance, self.demand.ceiling_nanos())
                return refusal_for(deny, now=self.shared.clock(), cut=True)
        return Refusal(reason="overrun", message="LLMCap cut this answer: it passed its bound.")

    # --- parts --------------------------------------------------------------------------------

    @property
    def _caller(self) -> Caller:
        """Whose account it is, as far as a request tells: that has terms of its own by default."""
        call = self.call
        who = [call.attributes.get(name, "") for name in ("key", "organisation", "project")]
        return (call.provider, call.model, *who)

    def _is_untold(self, term: str) -> bool:
        """Whether the request asks for no term of that kind."""
        return kind_of(term) not in map(kind_of, self.ask.terms)

    def _using(self, begun: int) -> tuple[Request, Ask, list[Price]] | None:
        """The request as it would have been with so many calls of tools and no more."""
        endpoint = self.endpoint
        if begun >= self.ask.tool_calls:
            return None
        if endpoint.using_tools is not None:
            return self._asking(endpoint.using_tools(self.request.document(), begun))
        if endpoint.limit_tools_body is not None and begun:
            return self._asking(endpoint.limit_tools_body(self.request.body, begun))
        return None

    def _asking(self, changed: Document | bytes) -> tuple[Request, Ask, list[Price]] | None:
        """The same request with another body, what it asks for, and the prices of that."""
        assert self.endpoint.read is not None, self.endpoint.name
        request = self.request.with_body(changed)
        prices = dict(zip((self.ask.model, *self.ask.other_models), self.prices, strict=True))
        ask = sold(self.endpoint.read(request), self.prices[0], looked=self.counted)
        if ask is None:
            return None
        mine = self.ask
        ask = replace(
            ask, unread=mine.unread, unread_said=mine.unread_said, unread_times=mine.unread_times
        )
        ask = with_named(self.shared, self.provider, ask)
        models = (ask.model, *ask.other_models)
        if not prices.keys() >= set(models):
            return None
        return request, ask, [prices[model] for model in models]

    def _prompt_tokens(self, request: Request) -> int | None:
        """What its prompt is, as far as that is known; looked for once, as answers are long."""
        if not self.counted:
            return None
        if self._read is None or self._read[0] is not request:
            self._read = (request, prompted.tokens_of(self, request))
        return self._read[1]

    def _demand(
        self,
        ask: Ask,
        sold_at: list[Price] | None = None,
        *,
        answered: bool = False,
        prompt_tokens: int | None = None,
    ) -> Demand:
        fee = Decimal(0) if answered else fee_usd(self.provider.name, self.endpoint.name)
        if ask.lots:
            models = (ask.model, *ask.other_models)
            prices = dict(zip(models, self.prices, strict=True))
            return lots_demand(ask.lots, prices.__getitem__, counted=self.counted)
        found = demand(
            ask,
            sold_at or self.prices,
            self.shared.policy,
            family=self.provider.name,
            text_tokens=self.text_tokens,
            prompt_tokens=prompt_tokens,
            known_input=self.shared.lineage.tokens(self.provider.name, ask.previous_id),
            looked=self.counted,
            refusal_usd=fee,
        )
        if not self.limitable:
            return found.unclamped()
        return replace(found, held_limit=SLICE_AHEAD_TOKENS) if self.sliced else found
