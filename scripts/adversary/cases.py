"""
The cases: who calls, how badly, under which cap, and what is promised then.

Caps are chosen so that one call is small against them, where a utilisation is promised: what no
call can use any more is less than the bound of one call.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from adversary.calls import Leave, Mix, Plan, always, one_of
from adversary.client import Fate
from fake_provider.scenario import Stops
from llmcap.words.money import parse_usd

# Even a wrong ledger must end some day.
CALLS_MAX = 20_000

PACE = {"token_seconds": 0.001}  # a thousand tokens a second: faster than most models of today
FAST_PACE = {"token_seconds": 0.0002}  # faster than any


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario. `config` is more YAML for LLMCap's config, beside the budget."""

    name: str
    cap: str
    mix: Mix
    clients: int = 8
    behaviour: dict[str, Any] = field(default_factory=dict)  # the provider's, for all calls
    config: str = ""
    proxies: int = 1
    treasury: bool = False  # each proxy has a ledger of its own, and all have one cap
    deaths: int = 0
    life_seconds_max: float = 1.5
    kills_at: tuple[int, ...] = ()  # percent of the cap: when that is billed, a proxy is killed
    locks: bool = False  # another program takes the ledger's write lock now and then
    calls_max: int = CALLS_MAX
    seconds_max: float = 60
    window_seconds: int = 0  # of a rolling budget, which refuses and opens again
    # promises, beside an overshoot of 0 and a ledger that is not below the bill
    utilisation_min: int | None = None  # percent, at the first persistent refusal
    exact: bool = True  # the ledger is the bill: every call told its usage
    above_max: int | None = None  # percent that the ledger may be above the bill
    above_served: bool = False  # that holds as soon as one answer was read to its end
    never_early: bool = True  # no refusal while less than half is spent
    all_settle: bool = True  # nothing is in flight when all clients have gone
    fates: frozenset[Fate] = frozenset({Fate.SERVED, Fate.REFUSED})

    @property
    def cap_nanos(self) -> int:
        """The cap in nano-dollars."""
        return parse_usd(self.cap)

    def document(self, treasury: str = "") -> str:
        """The config file."""
        every = f"{self.window_seconds}s" if self.window_seconds else "once"
        budgets = f'budgets: [{{name: soak, cap: "${self.cap}", every: {every}}}]\n'
        return budgets + (f"treasury: {treasury}\n" if treasury else "") + self.config


UNTIDY = frozenset({Fate.SERVED, Fate.REFUSED, Fate.BROKEN, Fate.FAILED, Fate.LEFT, Fate.CUT})

SMALL = {"length": "450", "tokens_per_event": 10}


def parallel(clients: int, *, stream: bool, limit: int | None) -> Case:
    """Small calls of one kind."""
    kind = "SSE" if stream else "JSON"
    limited = "limit" if limit else "no limit"
    return Case(
        f"{kind}, {limited}, {clients} at once",
        cap="0.033",
        clients=clients,
        mix=always(Plan(stream=stream, max_tokens=limit)),
        behaviour=SMALL,
        utilisation_min=99,
    )


def heavy(clients: int) -> Case:
    """Most answers are short, some are a hundred times longer, and nobody sets a limit."""
    return Case(
        f"heavy-tailed, {clients} at once",
        cap="0.04",
        clients=clients,
        mix=one_of(Plan(), Plan(stream=True), Plan(api="responses", stream=True)),
        behaviour={"length": "heavy:60", "tokens_per_event": 8},
        utilisation_min=95,
    )


def burst(*, limit: int | None) -> Case:
    """A hundred at once against a cap that is worth eight."""
    limited = "limit" if limit else "no limit"
    return Case(
        f"burst of 100, {limited}",
        cap="0.012",  # eight answers of 2,500 tokens
        clients=100,
        mix=always(Plan(stream=True, max_tokens=limit)),
        behaviour={"length": "2500", "tokens_per_event": 50},
        utilisation_min=90,
    )


def huge(*, ignores: bool = False, sliced: bool = False) -> Case:
    """One answer that would cost thirty caps. Only one that is paced can be stopped in time."""
    how = ", provider ignores the limit" if ignores else ""
    how += ", sliced" if sliced else ""
    return Case(
        f"huge stream{how}",
        cap="0.002" if ignores else "0.004",
        clients=1,
        mix=always(Plan(stream=True)),
        behaviour={"length": "200000", "ignore_limit": ignores, **(PACE if ignores else {})},
        config="hold: sliced" if sliced else "",
        calls_max=6,
        # One that is cut has told no tier: it is billed as the dearest that it may have had.
        utilisation_min=50 if ignores else 90,
        exact=not ignores,
        fates=frozenset({Fate.SERVED, Fate.REFUSED, Fate.CUT}),
    )


def reasoning(clients: int, *, limit: int | None) -> Case:
    """Most of what is billed is never shown."""
    limited = "limit" if limit else "no limit"
    plan = Plan(model="gpt-5-mini", max_tokens=limit)
    return Case(
        f"hidden reasoning, {limited}",
        cap="0.08",
        clients=clients,
        mix=one_of(plan, Plan(model="gpt-5-mini", stream=True, max_tokens=limit, asks_usage=False)),
        behaviour={"length": "30", "reasoning": 400},
        utilisation_min=95,
    )


def no_usage(clients: int) -> Case:
    """A provider that never tells what it charges."""
    return Case(
        "no usage block",
        cap="0.03",
        clients=clients,
        mix=one_of(*each_api(stream=True, limit=400), *each_api(stream=False, limit=400)),
        behaviour={"length": "150", "usage": False},
        exact=False,
        never_early=False,
        calls_max=400,
    )


def leavers(clients: int, *, pace: dict[str, Any], name: str) -> Case:
    """Clients that go away, before the answer and in the middle of it."""
    return Case(
        f"clients leave, {name}",
        cap="0.05",
        clients=clients,
        mix=_leaving,
        behaviour={"length": "heavy:80", "tokens_per_event": 3, **pace},
        exact=False,
        never_early=False,
        calls_max=500,
        seconds_max=6,
        fates=UNTIDY,
    )


def parting(*, per_second: int, stops: Stops, http2: bool = False) -> Case:
    """
    Clients that leave in the middle of a stream, and streams that break, at one pace.

    How long this provider takes to stop is its own affair: with the client's FIN, with its first
    write that fails, or never, which is then asked of a vendor that is known for that.
    """
    stopping = stops is not Stops.NEVER
    protocol = ", HTTP/2" if http2 else ""
    seconds = 4 if per_second < 500 else 2

    def mix(rng: random.Random) -> Plan:
        pieces = rng.randint(seconds * per_second // 8, seconds * per_second // 2)
        plan = Plan(stream=True, max_tokens=seconds * per_second, http2=http2)
        if rng.random() < 0.3 and stopping:
            finish = {"finish": "reset", "finish_after": pieces}
            return replace(plan, behaviour=finish)
        leave = Leave(after_pieces=pieces, rudely=rng.random() < 0.5)
        return replace(plan, api="chat" if stopping else "gemini", leave=leave)

    return Case(
        f"parting at {per_second}/s, {stops}{protocol}",
        cap="0.03" if stopping else "0.05",
        clients=24,
        mix=mix,
        behaviour={
            "length": str(seconds * per_second),
            "token_seconds": 1 / per_second,
            "stops": stops,
        },
        utilisation_min=85 if stopping else None,
        exact=False,
        never_early=False,
        calls_max=2_000,
        seconds_max=300,
        fates=UNTIDY,
    )


def http2(clients: int) -> Case:
    """Calls side by side on one connection, some of which are reset while others go on."""
    return Case(
        f"HTTP/2, streams reset, {clients} at once",
        cap="0.04",
        clients=clients,
        mix=lambda rng: replace(_leaving(rng), http2=True),
        behaviour={"length": "heavy:80", "tokens_per_event": 3, **PACE},
        exact=False,
        never_early=False,
        calls_max=400,
        seconds_max=6,
        fates=UNTIDY,
    )


def _leaving(rng: random.Random) -> Plan:
    api = rng.choice(("chat", "chat", "responses", "messages", "gemini"))
    stream = rng.random() < 0.7
    limit = rng.choice((None, 300)) if api != "messages" else 300
    leave = None
    if rng.random() < 0.7:
        rudely = rng.random() < 0.5
        if stream and rng.random() < 0.7:
            leave = Leave(after_pieces=rng.randint(1, 30), rudely=rudely)
        else:
            leave = Leave(after_seconds=rng.uniform(0.0, 0.15), rudely=rudely)
    return Plan(
        api=api, stream=stream, max_tokens=limit, asks_usage=rng.random() < 0.5, leave=leave
    )


def declared(clients: int, *, searches: int, api: str = "responses") -> Case:
    """
    Clients that declare a search in every call, and go away: before one was begun, or after some.

    What each answer costs is told by its stream, so what the ledger takes for it is near the bill
    where nothing was begun, and never below it where something was. xAI counts in a vocabulary of
    its own, and adds a prompt of which it says no number: that is more than a short one, until an
    answer has told what the prompt of these calls reads; then those that left before cost that too.
    Claude's answers begin with what the prompt read: what is bounded is only what it wrote.
    """
    xai = api == "xai"
    whose = {"xai": ", xAI", "messages": ", Claude"}.get(api, "")
    return Case(
        f"tools are declared, {searches or 'none'} begun{whose}",
        cap="5" if searches else "0.5",
        clients=clients,
        mix=partial(_searching, api=api),
        behaviour={"length": "120", "searches": searches, "search_every": 15, **PACE},
        exact=False,
        never_early=False,
        above_max=None if searches else 20 if xai else 10,
        above_served=xai,
        calls_max=100,
        seconds_max=6,
        fates=UNTIDY,
    )


def _searching(rng: random.Random, *, api: str) -> Plan:
    leave = Leave(after_pieces=rng.randint(5, 60), rudely=rng.random() < 0.5)
    return Plan(
        api=api,
        stream=True,
        searches=True,
        words=1_500,
        max_tokens=1000,
        leave=leave if rng.random() < 0.7 else None,
    )


def breaking(clients: int) -> Case:
    """A provider whose answers break, in every way that it knows."""
    return Case(
        "answers break",
        cap="0.05",
        clients=clients,
        mix=_breaking,
        behaviour={"length": "120"},
        exact=False,
        never_early=False,
        calls_max=600,
        fates=UNTIDY | {Fate.DECLINED},
    )


def _breaking(rng: random.Random) -> Plan:
    api = rng.choice(("chat", "responses", "messages", "gemini"))
    stream = rng.random() < 0.7
    if rng.random() < 0.1:
        return Plan(api=api, model="no-such-model-9", stream=stream, max_tokens=100)
    behaviour: dict[str, Any] = rng.choice((
        {"finish": "error", "finish_after": rng.randint(1, 100)},
        {"finish": "reset", "finish_after": rng.randint(1, 100)},
        {"finish": "eof", "finish_after": rng.randint(1, 100)},
        {"status": rng.choice((400, 401, 429, 500, 503, 529))},
        {"encoding": rng.choice(("gzip", "br", "zstd", "deflate"))},
        {"batch_bytes": rng.choice((50, 500, 4096))},
        {"close": True},
        {},
    ))  # fmt: skip
    return Plan(
        api=api,
        stream=stream,
        max_tokens=rng.choice((80, 300)),
        asks_usage=rng.random() < 0.5,
        behaviour=behaviour,
    )


def errors(clients: int) -> Case:
    """Errors of the provider are free, and so is a model that LLMCap does not let through."""
    plans = [
        Plan(api=api, stream=stream, max_tokens=200, behaviour={"status": status})
        for api in ("chat", "messages", "gemini")
        for stream in (False, True)
        for status in (200, 429, 500)
    ]
    return Case(
        "500s, 429s, unknown models",
        cap="0.05",
        clients=clients,
        mix=one_of(*plans, Plan(model="no-such-model-9")),
        behaviour=SMALL,
        calls_max=150,
        fates=frozenset({Fate.SERVED, Fate.REFUSED, Fate.FAILED, Fate.DECLINED}),
    )


def background(clients: int) -> Case:
    """Answers that are made after the call has ended; some are fetched twice, some never."""
    plan = Plan(api="responses", max_tokens=600, background=True)
    return Case(
        f"background answers, {clients} at once",
        cap="0.03",
        clients=clients,
        mix=one_of(plan, plan, replace(plan, fetches=False), Plan(max_tokens=600)),
        behaviour={"length": "450"},
        config="wait: 0.3",
        exact=False,
        never_early=False,
        calls_max=120,
        all_settle=False,
    )


def windows(clients: int) -> Case:
    """A rolling cap that is met again and again, with answers that outlast its window."""
    return Case(
        f"a rolling window, {clients} at once",
        cap="0.01",
        clients=clients,
        mix=one_of(
            *(Plan(max_tokens=500), Plan(stream=True, max_tokens=500)) * 3,
            Plan(stream=True, max_tokens=500, behaviour={"token_seconds": 0.008}),
        ),
        behaviour={"length": "450", "tokens_per_event": 10, "token_seconds": 0.0005},
        config="wait: 0.3",
        window_seconds=3,
        seconds_max=180,  # it ends when the window has opened again
    )


def mixed(clients: int, *, proxies: int = 1) -> Case:
    """OpenAI, Anthropic and Gemini under one cap, with caches and several choices."""
    name = f"mixed APIs, {clients} at once" + (f", {proxies} proxies" if proxies > 1 else "")
    plans = [
        *each_api(stream=True, limit=500),
        *each_api(stream=False, limit=500),
        Plan(api="chat", choices=3, max_tokens=500),
        Plan(api="chat", choices=2, max_tokens=500, stream=True, asks_usage=False),
        Plan(api="gemini", max_tokens=500, behaviour={"reasoning": 40}),
        Plan(api="messages", words=400, max_tokens=500, behaviour={"cached": 100}),
        Plan(api="messages", words=400, max_tokens=500, behaviour={"cache_write": 200}),
    ]
    return Case(
        name,
        cap="0.13",
        clients=clients,
        mix=one_of(*plans),
        behaviour=SMALL,
        proxies=proxies,
        utilisation_min=97,
    )


def shared(clients: int, *, proxies: int) -> Case:
    """Several proxies, one ledger, one cap."""
    return Case(
        f"{proxies} proxies, one cap, {clients} at once",
        cap="0.033",
        clients=clients,
        mix=one_of(Plan(max_tokens=500), Plan(stream=True, max_tokens=500)),
        behaviour=SMALL,
        proxies=proxies,
        utilisation_min=99,
    )


def nodes(clients: int) -> Case:
    """Two proxies on two machines, as far as they know: two ledgers, a treasury, one cap."""
    return Case(
        f"2 nodes, one cap, {clients} at once",
        cap="0.033",
        clients=clients,
        mix=one_of(Plan(max_tokens=500), Plan(stream=True, max_tokens=500)),
        behaviour=SMALL,
        proxies=2,
        treasury=True,
        utilisation_min=98,
    )


def killed(
    clients: int, *, deaths: int, proxies: int = 1, seconds: float = 8, life: float = 1.5
) -> Case:
    """Proxies that die under load, some at once and some in order, and come back."""
    plans = [
        *each_api(stream=True, limit=500),
        *each_api(stream=False, limit=500),
        Plan(stream=True, max_tokens=500, asks_usage=False),
    ]
    name = f"{deaths} deaths" + (f" of {proxies} proxies" if proxies > 1 else "")
    return Case(
        f"{name}, {clients} at once",
        cap="0.5",
        clients=clients,
        mix=one_of(*plans),
        behaviour={"length": "100", "tokens_per_event": 2, "token_seconds": 0.0005},
        proxies=proxies,
        deaths=deaths,
        life_seconds_max=life,
        seconds_max=seconds,
        exact=False,
        never_early=False,
        fates=UNTIDY,
    )


def killed_at(*percent: int, stream: bool, model: str = "", per_second: int = 1_000) -> Case:
    """
    Kills of a proxy when so much of the cap was billed: what was held is not all gone with it.

    What was in flight costs what was seen of it, and what its model's pace makes of the time since.
    A call of gpt-4o is a two hundredth of the cap, and sixteen are in flight.
    """
    plan = Plan(stream=stream, max_tokens=900, model=model)
    dear = f", {model} at {per_second}/s" if model else ""
    return Case(
        f"kill -9 thrice, {'SSE' if stream else 'JSON'}{dear}",
        cap="1",
        clients=16,
        mix=one_of(plan, replace(plan, asks_usage=False)),
        behaviour={"length": "450", "tokens_per_event": 10, "token_seconds": 1 / per_second},
        kills_at=percent,
        utilisation_min=85,
        seconds_max=1_800,
        exact=False,
        never_early=False,
        fates=UNTIDY,
    )


def locked(clients: int) -> Case:
    """Something else, a backup or a person with a shell, locks the ledger for up to two seconds."""
    return Case(
        f"ledger locked by others, {clients} at once",
        cap="0.033",
        clients=clients,
        mix=one_of(Plan(max_tokens=500), Plan(stream=True, max_tokens=500)),
        behaviour=SMALL,
        locks=True,
        utilisation_min=99,
    )


def impatient(clients: int) -> Case:
    """Clients that leave while their calls wait for money that others hold."""
    return Case(
        f"clients leave the line, {clients} at once",
        cap="0.02",
        clients=clients,
        mix=_impatient,
        behaviour={"length": "600", "tokens_per_event": 10, "first_token_seconds": 0.05},
        exact=False,
        never_early=False,
        calls_max=200,
        seconds_max=8,
        fates=UNTIDY,
    )


def _impatient(rng: random.Random) -> Plan:
    leave = Leave(after_seconds=rng.uniform(0.02, 0.6)) if rng.random() < 0.6 else None
    return Plan(stream=rng.random() < 0.5, leave=leave)


def each_api(*, stream: bool, limit: int | None) -> Iterator[Plan]:
    """One plan for each API."""
    for api in ("chat", "responses", "messages", "gemini"):
        yield Plan(api=api, stream=stream, max_tokens=limit)


# --- profiles -------------------------------------------------------------------------------


def ci() -> list[Case]:
    """All kinds, short."""
    return [
        parallel(1, stream=False, limit=500),
        parallel(8, stream=True, limit=500),
        parallel(32, stream=False, limit=None),
        heavy(8),
        burst(limit=None),
        huge(),
        huge(ignores=True),
        reasoning(8, limit=None),
        no_usage(8),
        leavers(16, pace=PACE, name="1000 tokens/s"),
        http2(16),
        declared(8, searches=0),
        declared(8, searches=3),
        declared(8, searches=0, api="xai"),
        declared(8, searches=0, api="messages"),
        declared(8, searches=3, api="messages"),
        declared(8, searches=3, api="xai"),
        background(8),
        windows(8),
        breaking(8),
        errors(8),
        mixed(16),
        shared(16, proxies=2),
        locked(8),
        impatient(32),
        killed(16, deaths=3, seconds=5),
    ]


def long() -> list[Case]:
    """Every combination, and enough deaths to meet the rare moments."""
    return [
        *(
            parallel(clients, stream=stream, limit=limit)
            for clients in (1, 8, 32, 100)
            for stream in (False, True)
            for limit in (500, None)
        ),
        *(heavy(clients) for clients in (1, 8, 32, 100)),
        *(burst(limit=limit) for limit in (None, 2500, 4000)),
        huge(),
        huge(sliced=True),
        huge(ignores=True),
        huge(ignores=True, sliced=True),
        *(reasoning(clients, limit=limit) for clients in (1, 32) for limit in (None, 600)),
        *(no_usage(clients) for clients in (1, 32)),
        *(leavers(clients, pace=PACE, name="1000 tokens/s") for clients in (1, 32, 100)),
        *(http2(clients) for clients in (4, 32)),
        *(
            parting(per_second=pace, stops=stops, http2=http2)
            for pace in (150, 1_000)
            for stops in Stops
            for http2 in (False, True)
        ),
        *(background(clients) for clients in (1, 32)),
        *(windows(clients) for clients in (8, 32)),
        *(breaking(clients) for clients in (1, 32, 100)),
        errors(32),
        locked(32),
        impatient(100),
        *(leavers(clients, pace=FAST_PACE, name="5000 tokens/s") for clients in (8, 32)),
        *(mixed(clients) for clients in (1, 32, 100)),
        mixed(32, proxies=3),
        *(shared(clients, proxies=proxies) for clients in (8, 100) for proxies in (2, 3)),
        *(nodes(clients) for clients in (8, 64)),
        killed(8, deaths=12, seconds=20),
        killed(100, deaths=6, seconds=30, life=5),
        killed(32, deaths=12, proxies=2, seconds=20),
        *(killed_at(20, 45, 70, stream=stream) for stream in (True, False)),
        *(
            killed_at(20, 45, 70, stream=stream, model="gpt-4o", per_second=pace)
            for stream in (True, False)
            for pace in (150, 1_000)
        ),
    ]


PROFILES = {"ci": ci, "long": long}
