"""
Budgets: how they are written, whose calls they count, and who is admitted.

The promises that hypothesis attacks: an admitted call passes no cap, a call whose ceiling fits is
admitted as it is, and a clamp is the highest that fits.
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from books import NOON, budget, call, demand, scopes
from hypothesis import given
from hypothesis import strategies as st

from llmcap.budgets.budget import (
    Fits,
    decide,
    describe,
    fits_more,
    parse_cap,
    parse_short,
    scopes_for,
)
from llmcap.budgets.windows import EPOCH
from llmcap.words.errors import ConfigError
from llmcap.words.money import NANOS_MAX
from llmcap.words.records import Balance, Budget, CapUnit, Demand, Deny, Scope, Wait

# --- as typed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "cap", "unit"),
    [
        pytest.param("$5", 5_000_000_000, CapUnit.USD, id="dollars"),
        pytest.param(5, 5_000_000_000, CapUnit.USD, id="a number of YAML"),
        pytest.param(Decimal("0.05"), 50_000_000, CapUnit.USD, id="a decimal"),
        pytest.param("1,000 USD", 1_000_000_000_000, CapUnit.USD, id="dollars in words"),
        pytest.param("0", 0, CapUnit.USD, id="nothing at all"),
        pytest.param("100k tokens", 100_000, CapUnit.TOKENS, id="thousands of tokens"),
        pytest.param("1.5M Tokens", 1_500_000, CapUnit.TOKENS, id="millions of tokens"),
        pytest.param("1 token", 1, CapUnit.TOKENS, id="one token"),
        pytest.param("1_000 requests", 1_000, CapUnit.REQUESTS, id="requests"),
        pytest.param("60 calls", 60, CapUnit.REQUESTS, id="calls are requests"),
        pytest.param(" 4 concurrent ", 4, CapUnit.CONCURRENT, id="calls in flight"),
    ],
)
def test_cap_is_read_with_its_unit(typed, cap, unit):
    """A cap is dollars unless it says what it counts."""
    assert parse_cap(typed) == (cap, unit)


@pytest.mark.parametrize(
    "typed",
    [
        "banana",
        "",
        "-5",
        "5 euros",
        "5,00",
        "1,5k tokens",
        "tokens",
        "1.5 tokens",
        "0.0001k tokens",
        "99999999999999999999 tokens",
        "0.0000000001",
        "100k",
        0.5,
        True,
    ],
)
def test_error_names_the_cap_and_what_was_expected(typed):
    """What is no cap is refused with its text."""
    with pytest.raises(ConfigError) as caught:
        parse_cap(typed)
    assert repr(typed) in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "cap", "every"),
    [
        pytest.param("5", 5_000_000_000, "once", id="a number"),
        pytest.param("$5", 5_000_000_000, "once", id="dollars"),
        pytest.param("5/day", 5_000_000_000, "day", id="a day"),
        pytest.param(" 20 / month ", 20_000_000_000, "month", id="a month, with spaces"),
        pytest.param("1.50/run", 1_500_000_000, "run", id="a run"),
        pytest.param("$1/5h", 1_000_000_000, "5h", id="rolling"),
        pytest.param("$1/*/5 * * * *", 1_000_000_000, "*/5 * * * *", id="cron, with its slash"),
    ],
)
def test_short_budget_is_a_cap_and_a_window(typed, cap, every):
    """The option's way to write a budget on everything."""
    assert parse_short(typed) == Budget("cap", cap, every=every)


def test_short_budget_without_a_window_takes_the_default():
    """A command may have a default other than "once"."""
    assert parse_short("60 requests", name="x", every="run", timezone="Asia/Tokyo") == Budget(
        "x", 60, CapUnit.REQUESTS, every="run", timezone="Asia/Tokyo"
    )


@pytest.mark.parametrize("typed", ["banana", "5/fortnight", "/day", "5/"])
def test_error_names_the_short_budget(typed):
    """Both halves of a short budget are checked, and the whole of it is named."""
    with pytest.raises(ConfigError) as caught:
        parse_short(typed)
    assert repr(typed) in str(caught.value)


def test_description_says_all_of_a_budget():
    """One line for people."""
    described = budget("100k tokens/day", name="teams", per=["project", "user"], model="claude-*")
    assert describe(described) == (
        "teams: 100,000 tokens every day, per project and user, of model=claude-*"
    )
    assert describe(parse_short("5")) == "cap: $5.00 in all"
    berlin = parse_short("5/day", timezone="Europe/Berlin")
    assert describe(berlin) == "cap: $5.00 every day (Europe/Berlin)"


# --- scopes -----------------------------------------------------------------------------------


def test_scopes_are_the_matching_budgets_in_order():
    """Every budget that matches, in the order of the config."""
    budgets = [
        budget("1", name="everything"),
        budget("1", name="other", model="claude-*"),
        budget("1", name="mine", model="gpt-?", user="ann"),
    ]
    found = scopes(budgets, call(user="ann"))
    assert [scope.budget.name for scope in found] == ["everything", "mine"]


@pytest.mark.parametrize(
    ("pattern", "model", "matches"),
    [
        pytest.param("gpt-5", "GPT-5", True, id="case of the call"),
        pytest.param("GPT-*", "gpt-5", True, id="case of the pattern"),
        pytest.param("gpt-[45]", "gpt-5", True, id="set"),
        pytest.param("gpt", "gpt-5", False, id="the whole value"),
        pytest.param("*", "", True, id="star matches nothing too"),
        pytest.param("*gpt*", "line\ngpt", True, id="lines"),
        pytest.param("gpt.5", "gpt-5", False, id="a dot is a dot"),
    ],
)
def test_patterns_are_globs_over_the_whole_value(pattern, model, matches):
    """`match` is a glob without regard to case."""
    assert bool(scopes([budget("1", model=pattern)], call(model=model))) is matches


def test_any_pattern_of_an_attribute_is_enough():
    """Patterns of one attribute are alternatives."""
    either = replace(budget("1"), match={"model": ("claude-*", "gpt-*")})
    assert scopes([either], call(model="gpt-5"))
    assert not scopes([either], call(model="gemini"))


def test_leaving_an_attribute_out_is_no_way_out():
    """A call without the attribute has the value "", which has a balance of its own."""
    (scope,) = scopes([budget("1", per=["project"])], call())
    assert scope.value == ""
    assert scopes([budget("1", project="*")], call())
    assert not scopes([budget("1", project="?*")], call())


def test_values_of_per_do_not_run_together():
    """Several attributes make one value that no other attributes make."""
    both = budget("1", per=["project", "user"])
    values = [
        scopes([both], call(project=project, user=user))[0].value
        for project, user in [("a", "b"), ("a,b", ""), ('a", "b', ""), ("", "a"), ("a", "")]
    ]
    assert values[0] == '["a", "b"]'
    assert len(set(values)) == len(values)


def test_case_makes_no_second_balance_where_providers_ignore_it():
    """`GPT-5` counts where `gpt-5` does; users `ann` and `Ann` may be two."""
    by_model, by_user = budget("1", per=["model"]), budget("1", per=["user"])
    assert scopes([by_model], call(model="GPT-5")) == scopes([by_model], call(model="gpt-5"))
    assert scopes([by_user], call(user="ann")) != scopes([by_user], call(user="Ann"))


def test_value_from_a_body_is_bounded_and_storable():
    """A megabyte of user name, or half a surrogate pair, is still one short value of its own."""
    by_user = budget("1", per=["user"])
    long = [scopes([by_user], call(user="x" * 1_000_000 + end))[0].value for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(value) < 300 for value in long)
    (odd,) = scopes([by_user], call(user="\ud800"))
    assert odd.value.encode() == b"\\ud800"


def test_run_has_a_window_of_its_own():
    """Each run counts apart, and its window never resets."""
    (first,), (second,) = (scopes([budget("1/run")], run=run) for run in ("r1", "r2"))
    assert (first.run, second.run) == ("r1", "r2")
    assert first.window_start == second.window_start == EPOCH
    assert first.resets_at is None
    (lasting,) = scopes([budget("1/day")], run="r1")
    assert lasting.run == ""


def test_calls_in_flight_outlast_a_window():
    """A cap on calls in flight counts them all, whenever they began."""
    (scope,) = scopes([budget("4 concurrent/minute")])
    assert (scope.window_start, scope.resets_at) == (EPOCH, None)


def test_rolling_scope_says_how_far_it_reaches():
    """The ledger is told which balances count together."""
    (scope,) = scopes([budget("1/5h")], call(at=NOON))
    assert scope.window_start == NOON
    assert scope.reach.total_seconds() == 5 * 3600 + 300


# --- who is admitted --------------------------------------------------------------------------


def on(text: str, **balance: int) -> tuple[Scope, Balance]:
    """A budget, named by what it says, and its balance."""
    (scope,) = scopes([budget(text, name=text)])
    return scope, Balance(**balance)


def dollars(cap: int, **balance: int) -> tuple[Scope, Balance]:
    """A budget of so many nano-dollars."""
    (scope,) = scopes([Budget(f"usd-{cap}", cap)])
    return scope, Balance(**balance)


CLAMPED = Fits(100, 9, 9)


@pytest.mark.parametrize(
    ("books", "wanted", "patient", "outcome"),
    [
        # the ceiling
        pytest.param([], demand(10, 1, 5), False, Fits(15, 5), id="no budget"),
        pytest.param([dollars(100)], demand(100), False, Fits(100, 0), id="exact fit"),
        pytest.param([dollars(99)], demand(100), False, "usd-99", id="one above"),
        pytest.param(
            [dollars(100, spent=60, held=30)], demand(10), False, Fits(10, 0), id="last of it"
        ),
        pytest.param([dollars(0)], demand(1), False, "usd-0", id="a cap of nothing"),
        pytest.param([dollars(0)], demand(0), False, Fits(0, 0), id="free, a cap of nothing"),
        pytest.param(
            [dollars(10, spent=90)], demand(0), False, Fits(0, 0), id="free, after an overrun"
        ),
        pytest.param([dollars(10, spent=90)], demand(1), True, "usd-10", id="after an overrun"),
        pytest.param(
            [dollars(10, spent=10, raised=5)], demand(5), False, Fits(5, 0), id="raised by hand"
        ),
        pytest.param([dollars(10, paused=True)], demand(0), True, "usd-10", id="paused"),
        pytest.param(
            [dollars(100), dollars(50), dollars(40)], demand(60), False, "usd-50",
            id="the first that cannot is named",
        ),
        # units
        pytest.param(
            [on("10 tokens", spent=3)], demand(5, 1, 4, tokens=3), False, Fits(9, 7), id="tokens"
        ),
        pytest.param(
            [on("10 tokens", spent=4)], demand(5, 1, 4, tokens=3), False, "10 tokens",
            id="tokens, one above",
        ),
        pytest.param([on("2 requests", spent=1)], demand(0), False, Fits(0, 0), id="last request"),
        pytest.param(
            [on("2 requests", spent=1, held=1)], demand(0), False, "2 requests",
            id="no request left, even for what is free",
        ),
        pytest.param(
            [on("2 concurrent", held=2)], demand(0), True, Wait, id="wait for a call in flight"
        ),
        pytest.param(
            [on("0 concurrent")], demand(0), True, "0 concurrent", id="none may be in flight"
        ),
        pytest.param(
            [dollars(100), on("10 tokens"), on("1 requests", spent=1)], demand(1, 0, 1), False,
            "1 requests", id="all or nothing",
        ),
        # waiting
        pytest.param([dollars(100, held=60)], demand(50), True, Wait, id="wait for money"),
        pytest.param(
            [dollars(100, held=60)], demand(50), False, "usd-100", id="the impatient do not wait"
        ),
        pytest.param(
            [dollars(100, spent=60, held=30)], demand(50), True, "usd-100",
            id="no use in waiting for too little",
        ),
        pytest.param(
            [dollars(100, held=60), dollars(40)], demand(50), True, "usd-100",
            id="no use in waiting for one when another has nothing in flight",
        ),
        pytest.param(
            [dollars(100), dollars(80, held=60)], demand(50), True, Wait,
            id="only one has calls in flight",
        ),
        # clamping
        pytest.param([dollars(100)], demand(10, 10, 20, least=1), False, CLAMPED, id="clamped"),
        pytest.param(
            [dollars(109)], demand(10, 10, 20, least=9), False, CLAMPED, id="to the least, rounded"
        ),
        pytest.param(
            [dollars(100)], demand(10, 10, 20, least=10), False, "usd-100",
            id="one below the least",
        ),
        pytest.param(
            [dollars(5)], demand(10, 10, 20, least=1), False, "usd-5", id="input alone is above"
        ),
        pytest.param(
            [dollars(10)], demand(10, 10, 20, least=0), False, "usd-10",
            id="no output at all is no clamp",
        ),
        pytest.param(
            [dollars(100), dollars(70)], demand(10, 10, 20, least=1), False, Fits(70, 6, 6),
            id="to the tightest",
        ),
        pytest.param(
            [on("9 tokens")], demand(10, 10, 20, least=1), False, Fits(100, 9, 9),
            id="by tokens alone",
        ),
        pytest.param(
            [dollars(100), on("1 requests", spent=1)], demand(10, 10, 20, least=1), False,
            "1 requests", id="a smaller answer is still a request",
        ),
        pytest.param(
            [dollars(100, held=90)], demand(10, 10, 9, least=1), True, Wait,
            id="wait for the ceiling rather than clamp",
        ),
        pytest.param(
            [dollars(100, held=20)], demand(10, 10, 20, least=1), True, Fits(80, 7, 7),
            id="clamp now, when waiting would not bring the ceiling",
        ),
        pytest.param(
            [dollars(100, held=95)], demand(10, 10, 20, least=1), True, Wait,
            id="wait for the clamp",
        ),
        pytest.param(
            [dollars(100, spent=85, held=5)], demand(10, 10, 20, least=1), True, "usd-100",
            id="no use in waiting for the clamp",
        ),
        pytest.param(
            [dollars(10)], demand(0, "0.000001", 20_000_000, least=1), False,
            Fits(10, 10_000_000, 10_000_000), id="a price far below a nano-dollar",
        ),
        pytest.param(
            [dollars(50)], demand(10, 10, 4, least=256), False, Fits(50, 4),
            id="the least is above what was asked, and the ceiling fits",
        ),
        pytest.param(
            [dollars(49)], demand(10, 10, 4, least=256), True, "usd-49",
            id="the least is above what was asked",
        ),
    ],
)  # fmt: skip
def test_decision(books, wanted, patient, outcome):
    """Admit, wait, clamp, deny: in this order, and with these figures."""
    decision = decide(books, wanted, patient=patient)
    if isinstance(outcome, str):
        assert isinstance(decision, Deny)
        assert decision.scope.budget.name == outcome
    elif outcome is Wait:
        assert isinstance(decision, Wait)
    else:
        assert decision == outcome


@pytest.mark.parametrize(
    ("books", "wanted", "needed"),
    [
        pytest.param([dollars(5)], demand(10, 10, 20), 210, id="the ceiling"),
        pytest.param([dollars(5)], demand(10, 10, 20, least=3), 40, id="the least clamp"),
        pytest.param([dollars(5)], demand(10, 10, 20, least=0), 20, id="one token of output"),
        pytest.param([dollars(5)], demand(10, 10, 20, least=50), 210, id="not more than asked"),
        pytest.param([on("5 tokens")], demand(0, 0, 20, least=3, tokens=4), 7, id="in tokens"),
        pytest.param([on("0 requests")], demand(0), 1, id="a request"),
    ],
)
def test_denial_says_the_least_that_would_have_done(books, wanted, needed):
    """A person who raises the cap by what is missing gets the next call through."""
    decision = decide(books, wanted, patient=False)
    assert isinstance(decision, Deny)
    assert decision.needed == needed
    scope, balance = books[0]
    missing = needed - (scope.budget.cap - balance.spent - balance.held)
    raised = [(scope, replace(balance, raised=missing))]
    assert isinstance(decide(raised, wanted, patient=False), Fits)


def test_denial_names_who_cannot_carry_the_least():
    """A budget that could carry a clamped call is not the reason to refuse it."""
    decision = decide([dollars(50), dollars(15)], demand(10, 10, 20, least=1), patient=False)
    assert isinstance(decision, Deny)
    assert decision.scope.budget.name == "usd-15"


def test_more_fits_everywhere_or_nowhere():
    """A call in flight holds more in all budgets, or in none; further slices are no new request."""
    books = [dollars(100, held=60), on("50 tokens", held=40), on("1 requests", held=1)]
    assert fits_more(books, more_nanos=40, more_tokens=10)
    assert not fits_more(books, more_nanos=41, more_tokens=10)
    assert not fits_more(books, more_nanos=40, more_tokens=11)
    assert not fits_more([dollars(100, paused=True)], more_nanos=1, more_tokens=0)


# --- the promises -----------------------------------------------------------------------------

AMOUNTS = st.integers(0, 400) | st.integers(0, NANOS_MAX)
BALANCES = st.builds(
    Balance, spent=AMOUNTS, held=AMOUNTS, raised=st.integers(-50, 200), paused=st.just(value=False)
)
BOOKS = st.lists(
    st.tuples(st.builds(Budget, st.just("b"), AMOUNTS, st.sampled_from(CapUnit)), BALANCES).map(
        lambda pair: (Scope(pair[0], "", EPOCH, None), pair[1])
    ),
    max_size=4,
)
DEMANDS = st.builds(
    Demand,
    fixed_nanos=st.integers(0, 300),
    per_output_nanos=st.decimals(0, 20, places=3) | st.decimals(0, 50_000, places=9),
    output_limit=st.integers(0, 100) | st.integers(0, 2_000_000),
    output_min=st.integers(0, 100),
    clampable=st.booleans(),
    fixed_tokens=st.integers(0, 100),
    per_output_tokens=st.integers(0, 3),
    free=st.just("a test"),
)


def carries(books: list[tuple[Scope, Balance]], wanted: Demand, limit: int) -> bool:
    """Whether every cap carries the call: said again here, as plainly as possible."""
    for scope, balance in books:
        needed = {
            CapUnit.USD: wanted.ceiling_nanos(limit),
            CapUnit.TOKENS: wanted.ceiling_tokens(limit),
            CapUnit.REQUESTS: 1,
            CapUnit.CONCURRENT: 1,
        }[scope.budget.unit]
        total = balance.spent + balance.held + needed
        if needed > 0 and total > scope.budget.cap + balance.raised:
            return False
    return True


@given(BOOKS, DEMANDS, st.booleans())
def test_admission_never_passes_a_cap_and_never_comes_too_late(books, wanted, patient):
    """What is held fits everywhere; what fits is admitted; a clamp is the highest that fits."""
    decision = decide(books, wanted, patient=patient)
    back = [(scope, replace(balance, held=0)) for scope, balance in books]
    least = max(wanted.output_min, 1)
    can_clamp = wanted.clampable and least < wanted.output_limit
    if carries(books, wanted, wanted.output_limit):
        assert decision == Fits(wanted.ceiling_nanos(), wanted.ceiling_tokens())
    elif isinstance(decision, Fits):
        limit = decision.output_limit
        assert wanted.clampable
        assert limit is not None
        assert least <= limit < wanted.output_limit
        assert carries(books, wanted, limit)
        assert not carries(books, wanted, limit + 1)
        assert decision.held_nanos == wanted.ceiling_nanos(limit)
        assert decision.held_tokens == wanted.ceiling_tokens(limit)
    elif isinstance(decision, Wait):
        assert patient
        assert carries(back, wanted, wanted.output_limit) or (
            can_clamp and carries(back, wanted, least)
        )
    else:
        assert not (can_clamp and carries(books, wanted, least))
        if patient:
            assert not carries(back, wanted, wanted.output_limit)
            assert not (can_clamp and carries(back, wanted, least))


@given(BOOKS, DEMANDS, st.integers(0, 60), st.booleans())
def test_a_slice_is_held_like_a_whole_call_and_its_limit_never_passes_a_cap_by_itself(
    books, wanted, held_limit, patient
):
    """What is held fits everywhere; what the provider may write fits in all that is not spent."""
    decision = decide(books, replace(wanted, held_limit=held_limit), patient=patient)
    back = [(scope, replace(balance, held=0)) for scope, balance in books]
    if not isinstance(decision, Fits):
        assert not carries(books, wanted, min(held_limit, wanted.output_limit))
        return
    told = wanted.output_limit if decision.output_limit is None else decision.output_limit
    assert decision.held_nanos == wanted.ceiling_nanos(min(held_limit, told))
    assert carries(books, wanted, min(held_limit, told))
    if wanted.clampable:
        assert carries(back, wanted, told)
        assert told == wanted.output_limit or not carries(
            books if told < held_limit else back, wanted, told + 1
        )
    else:
        assert told == wanted.output_limit


@given(BOOKS, DEMANDS, st.booleans())
def test_waiting_ends(books, wanted, patient):
    """With nothing in flight there is nothing to wait for, and the impatient never wait."""
    idle = [(scope, replace(balance, held=0)) for scope, balance in books]
    assert not isinstance(decide(idle, wanted, patient=patient), Wait)
    assert not isinstance(decide(books, wanted, patient=False), Wait)


@given(DEMANDS)
def test_order_of_matching_is_the_order_of_the_config(wanted):
    """`scopes_for` and `decide` keep the order, so the answer depends on nothing else."""
    budgets = [budget("0", name=name) for name in "abc"]
    found = scopes_for(budgets, call(), run_id="")
    decision = decide([(scope, Balance()) for scope in found], wanted, patient=False)
    if isinstance(decision, Deny):
        assert decision.scope.budget.name == "a"
