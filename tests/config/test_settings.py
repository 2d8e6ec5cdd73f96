"""From a typed config to a checked policy, and every error with its place."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmcap.budgets.budget import scopes_for
from llmcap.config import load, resolve, with_cap, yamldoc
from llmcap.words.errors import ConfigError
from llmcap.words.records import (
    Call,
    CapUnit,
    EndpointPolicy,
    HoldMode,
    Policy,
    ProcessPolicy,
    UnknownPolicy,
)
from llmcap.words.rules import (
    Action,
    AlertTarget,
    BreakerRules,
    BurnRule,
    EventKind,
    ParallelRule,
    RepeatRule,
    Threshold,
)

WHOLE = """
timezone: Europe/Berlin
hold: sliced
unknown_models: most-expensive
unknown_endpoints: pass
fail_open: true
clamp: false
min_output: 64
wait: 1.5s
durability: full
refusal_status: 402
trust_headers: [x-llmcap-project]
prices:
  openai/my-model: {input: 2.50, output: 10, max_output: 16384}
budgets:
- name: everything
  cap: $50
  every: month
- name: each-project
  cap: 100k tokens
  every: day
  timezone: UTC
  per: project
  hold: ceiling
- name: opus
  cap: 0.25
  match: {provider: anthropic, model: [claude-opus-*, claude-fable-*]}
"""

AT = "budgets:\n- {name: a, cap: 1, every: day, at: "
ALLOW = "budgets:\n- {name: a, cap: 1, allow: "


def policy_of(text: str) -> Policy:
    """The policy of a config text."""
    return resolve(yamldoc.parse(text, file="llmcap.yaml"))


def test_every_setting_is_read():
    """Each key arrives in the policy, in its resolved form."""
    policy = policy_of(WHOLE)
    assert policy.unknown_models is UnknownPolicy.MOST_EXPENSIVE
    assert policy.unknown_endpoints is EndpointPolicy.PASS
    assert (policy.fail_open, policy.clamp, policy.min_output) == (True, False, 64)
    assert policy.wait_seconds == Decimal("1.5")
    assert (policy.durability, policy.refusal_status) == ("full", "402")
    assert policy.trusted_headers == ("x-llmcap-project",)
    assert policy.prices["openai/my-model"]["input"] == Decimal("2.50")


def test_budgets_take_the_defaults_of_the_file():
    """`timezone` and `hold` stand once for all budgets, and each may say otherwise."""
    everything, each_project, opus = policy_of(WHOLE).budgets
    assert (everything.cap, everything.unit, everything.every) == (50 * 10**9, CapUnit.USD, "month")
    assert (everything.timezone, everything.hold) == ("Europe/Berlin", HoldMode.SLICED)
    assert (each_project.cap, each_project.unit) == (100_000, CapUnit.TOKENS)
    assert (each_project.timezone, each_project.hold) == ("UTC", HoldMode.CEILING)
    assert each_project.per == ("project",)
    assert opus.match["model"] == ("claude-opus-*", "claude-fable-*")
    assert (opus.cap, opus.every) == (250_000_000, "once")


def test_an_empty_config_is_the_safe_default():
    """What is not said is refused, clamped, waited for."""
    assert policy_of("") == Policy()
    assert Policy().unknown_models is UnknownPolicy.REFUSE
    assert not Policy().fail_open


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: []", "llmcap.yaml:1: budget: there is no setting of this name; is it budgets? "),
        (
            "budgets: [{name: a, cap: 1, evry: day}]",
            "llmcap.yaml:1: budgets.0.evry: a budget has no such key; is it every? it has",
        ),
        (
            "budgets: [{name: a, cap: 1, match: {modle: x}}]",
            "llmcap.yaml:1: budgets.0.match.modle: there is no attribute of this name; is it model",
        ),
        (
            "budgets: [{name: a, cap: 1, per: usr}]",
            "llmcap.yaml:1: budgets.0.per: 'usr' is no attribute; is it user? ",
        ),
        (
            "budgets: [{name: a, cap: 1, every: dya}]",
            "llmcap.yaml:1: budgets.0.every: 'dya' is not a window: is it day? ",
        ),
        (
            "prices: {openai/m: {inptu: 1}}",
            "llmcap.yaml:1: prices.openai/m: prices: openai/m: 'inptu' is not a unit\nhint: is",
        ),
        (
            "prices: {openai/m: {input: -2.5}}",
            "llmcap.yaml:1: prices.openai/m: prices: openai/m.input: '-2.5' must be an amount",
        ),
        ("budgets:\n- {name: '', cap: 1}", "llmcap.yaml:2: budgets.0.name: '' is not text on one"),
        ('budgets:\n- {name: "a\\nb", cap: 1}', "llmcap.yaml:2: budgets.0.name: 'a\\nb' is not"),
        (
            "reconcile: {keys: {openai: sk-x}}",
            "llmcap.yaml:1: reconcile.keys.openai: this is no variable with an admin key",
        ),
        (
            "reconcile: {keys: {groq: env:X}}",
            "llmcap.yaml:1: reconcile.keys.groq: 'groq' is not asked for its bill here",
        ),
        ("reconcile: {keys: {}}", "llmcap.yaml:1: reconcile.keys: there is no admin key"),
        (
            "reconcile: {keys: {openai: env:X}, urls: {openai: elsewhere}}",
            "llmcap.yaml:1: reconcile.urls.openai: this is no web address",
        ),
        (
            "reconcile: {keys: {openai: env:X}, urls: {anthropic: 'http://h'}}",
            "llmcap.yaml:1: reconcile: urls names anthropic, and keys does not",
        ),
        ("telemetry: http://h:99999", "llmcap.yaml:1: telemetry: this is no web address"),
        ("reconcile: {every: daily}", "llmcap.yaml:1: reconcile: reconcile has no keys"),
        (
            "reconcile: {keys: {openai: env:X}, alert_below: 0}",
            "llmcap.yaml:1: reconcile.alert_below: 0 is not a share",
        ),
        ("budgets:\n- {name: a, cap: [1]}", "llmcap.yaml:2: budgets.0.cap: [1] is not a cap"),
        ("budgets:\n- {name: a, cap: 1, every: }", "llmcap.yaml:2: budgets.0.every: None is not"),
        ("budgets:\n- {name: a, cap: banana}", "llmcap.yaml:2: budgets.0.cap: 'banana' is not"),
        ("budgets:\n- {name: a, cap: -1}", "llmcap.yaml:2: budgets.0.cap: -1 is not"),
        ("budgets:\n- {cap: 1}", "llmcap.yaml:2: budgets.0: the budget has no name"),
        ("budgets:\n- {name: a}", "llmcap.yaml:2: budgets.0: the budget has no cap"),
        ("budgets:\n- {name: a, cap: 1, evry: day}", "llmcap.yaml:2: budgets.0.evry: a budget has"),
        ("budgets:\n- {name: a, cap: 1, every: dya}", "llmcap.yaml:2: budgets.0.every:"),
        ("budgets:\n- {name: a, cap: 1, timezone: Mars}", "llmcap.yaml:2: budgets.0.timezone"),
        ("timezone: Mars", "llmcap.yaml:1: timezone"),
        ("budgets:\n- {name: a, cap: 1, per: team}", "llmcap.yaml:2: budgets.0.per: 'team' is no"),
        ("budgets:\n- {name: a, cap: 1, match: {team: x}}", "llmcap.yaml:2: budgets.0.match.team:"),
        (
            "budgets:\n- {name: a, cap: 1}\n- {name: a, cap: 2}",
            "llmcap.yaml:3: budgets.1: there are",
        ),
        ("budgets: {a: 1}", "llmcap.yaml:1: budgets: {'a': 1} is not a list"),
        ("fail_open: 1", "llmcap.yaml:1: fail_open: 1 is neither true nor false"),
        ("min_output: -5", "llmcap.yaml:1: min_output: -5 is not a whole number"),
        ("wait: soon", "llmcap.yaml:1: wait: 'soon' is not a time"),
        ("hold: tight", "llmcap.yaml:1: hold: 'tight' is none of: ceiling, sliced"),
        ("durability: some", "llmcap.yaml:1: durability: 'some' is none of: normal, full"),
        (
            "trust_headers: authorization",
            "llmcap.yaml:1: trust_headers: 'authorization' is none of",
        ),
        ("metadata: [a b]", "llmcap.yaml:1: metadata: 'a b' is no name in metadata"),
        (
            f"metadata: {[f'n{number}' for number in range(17)]}",
            "llmcap.yaml:1: metadata: 17 names",
        ),
        (
            "metadata: [team]\nbudgets:\n- {name: a, cap: 1, per: metadata.env}",
            "llmcap.yaml:3: budgets: metadata.env is asked for",
        ),
        (
            "breakers: {repeats: {per: metadata.env}}",
            "llmcap.yaml:1: breakers: metadata.env is asked for",
        ),
        ("prices: {m: {input: 1}}", "llmcap.yaml:1: prices.m:"),
        ("prices: {openai/m: {inputs: 1}}", "llmcap.yaml:1: prices.openai/m:"),
        ("- 1", "llmcap.yaml:1: [1] is not a map"),
        (AT + "{110%: warn}", "llmcap.yaml:2: budgets.0.at.110%: '110%' is no threshold"),
        (AT + "{most: warn}", "llmcap.yaml:2: budgets.0.at.most: 'most' is no threshold"),
        (AT + "{80%: shout}", "llmcap.yaml:2: budgets.0.at.80%: 'shout' is no action"),
        (AT + "{80%: {slow: 2s}}", "llmcap.yaml:2: budgets.0.at.80%.slow: 'slow' is no action"),
        (
            AT + "{80%: {throttle: 2h}}",
            "llmcap.yaml:2: budgets.0.at.80%.throttle: '2h' is no delay",
        ),
        (AT + "{forecast 90%: refuse}", "llmcap.yaml:2: budgets.0.at.forecast 90%: a forecast is"),
        (AT.replace("day", "5h") + "{forecast 90%: warn}", "llmcap.yaml:2: budgets.0.at: only a"),
        (AT.replace("day", "once") + "{forecast 90%: warn}", "llmcap.yaml:2: budgets.0.at: only"),
        (ALLOW + "{user: me}", "llmcap.yaml:2: budgets.0.allow.user: there is no attribute"),
        (ALLOW + "{}", "llmcap.yaml:2: budgets.0.allow: this names no attribute"),
        ("breakers: {loops: true}", "llmcap.yaml:1: breakers.loops: there is no breaker"),
        ("breakers: {burn: {above: -1}}", "llmcap.yaml:1: breakers.burn.above: -1 is not"),
        ("breakers: {repeats: {calls: 0}}", "llmcap.yaml:1: breakers.repeats.calls: 0 is too few"),
        ("breakers: {errors: {above: 1}}", "llmcap.yaml:1: breakers.errors.above: the breaker"),
        ("breakers: {errors: {share: 200%}}", "llmcap.yaml:1: breakers.errors.share: '200%' is no"),
        ("alerts: {webhook: nowhere}", "llmcap.yaml:1: alerts.webhook: this is no web address"),
        ("alerts: {secret: s}", "llmcap.yaml:1: alerts: an alert has either a webhook or"),
        ("alerts: {webhook: env:NOT_SET}", "llmcap.yaml:1: alerts.webhook: the environment"),
        ("alerts: {webhook: http://h, events: [won]}", "llmcap.yaml:1: alerts.events.0: 'won' is"),
        ("alerts: {apprise: json://h, secret: s}", "llmcap.yaml:1: alerts: only a webhook is"),
    ],
    ids=lambda value: value[:40] if "\n" not in value else value.split("\n", 1)[1][:40],
)
def test_a_mistake_names_file_line_key_and_value(text, message):
    """A user finds the place without searching."""
    with pytest.raises(ConfigError) as caught:
        policy_of(text + "}" * (text.count("{") - text.count("}")))
    assert str(caught.value).startswith(message)


def test_a_missing_file_says_how_to_name_one(tmp_path):
    """The next move is in the message."""
    with pytest.raises(ConfigError, match=r"cannot be read: No such file(.|\n)*hint: "):
        load(tmp_path / "none.yaml")


def test_an_unreadable_file_is_an_error_of_the_config(tmp_path):
    """Bytes that are no text are named, not dumped."""
    path = tmp_path / "llmcap.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(path)


def test_a_short_cap_joins_the_configured_budgets():
    """`llmcap_cap` adds to the file, it does not replace it."""
    policy = with_cap(policy_of(WHOLE), "5/day")
    assert [budget.name for budget in policy.budgets][-1] == "cap"
    assert policy.budgets[-1].cap == 5 * 10**9


def test_a_short_cap_does_not_shadow_a_budget_of_its_name():
    """Two budgets of one name would share one balance."""
    policy = policy_of("budgets:\n- {name: cap, cap: 1}")
    with pytest.raises(ConfigError, match="rename the budget"):
        with_cap(policy, "5")


def test_banana_is_no_cap():
    """The message names the value and shows what is one."""
    with pytest.raises(ConfigError, match="'banana'"):
        with_cap(Policy(), "banana")


def test_thresholds_are_read_in_the_order_of_their_shares():
    """Those of a forecast come last; one share may have several actions."""
    (budget,) = policy_of(
        "budgets:\n- name: a\n  cap: 1\n  every: day\n  at:\n"
        "    forecast 100%: warn\n"
        "    100%: refuse\n"
        "    95%: {downgrade: [claude-haiku-4-5, gpt-5-mini]}\n"
        "    80%: [warn, {throttle: 500ms}]\n"
    ).budgets
    assert budget.at == (
        Threshold(80, Action.WARN),
        Threshold(80, Action.THROTTLE, delay_seconds=Decimal("0.5")),
        Threshold(95, Action.DOWNGRADE, models=("claude-haiku-4-5", "gpt-5-mini")),
        Threshold(100, Action.REFUSE),
        Threshold(100, Action.WARN, forecast=True),
    )
    assert [threshold.label for threshold in budget.at[-2:]] == ["100%", "forecast 100%"]


def test_an_allowed_call_does_not_fall_under_the_budget():
    """The named exception, and nobody else."""
    budgets = policy_of(
        "budgets:\n- {name: a, cap: 1, allow: [{proxy_user: release}, {port: '9'}]}"
    ).budgets

    def scopes(**attributes: str):
        call = Call("id", datetime(2026, 1, 1, tzinfo=UTC), "openai", "chat", "gpt-5", attributes)
        return scopes_for(budgets, call, run_id="")

    assert scopes(proxy_user="release") == ()
    assert scopes(port="9", proxy_user="other") == ()
    assert len(scopes(proxy_user="other")) == 1
    assert len(scopes(project="release")) == 1


def test_breakers_are_off_until_they_are_asked_for():
    """`true` stands for the recommended settings, for one or for all."""
    assert not policy_of("").breakers.any
    assert not policy_of("breakers: false").breakers.any
    everything = policy_of("breakers: true").breakers
    assert None not in (everything.errors, everything.latency, everything.burn)
    chosen = policy_of(
        "breakers: {repeats: true, parallel: {calls: 8, open: 5s}, errors: false,"
        " burn: {above: $3, per: [key, project]}}"
    ).breakers
    assert chosen == BreakerRules(
        repeats=RepeatRule(),
        parallel=ParallelRule(calls=8, open_seconds=Decimal(5)),
        burn=BurnRule(above_nanos=3 * 10**9, per=("key", "project")),
    )


def test_alerts_take_their_secrets_from_the_environment(monkeypatch):
    """A config can be shared: what is secret stands elsewhere, and in no `repr`."""
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    policy = policy_of(
        "alerts:\n- {webhook: 'https://example.com/x', secret: env:HOOK_SECRET, events: exceeded}\n"
        "- {apprise: 'slack://token'}\n"
    )
    assert policy.alerts == (
        AlertTarget("https://example.com/x", secret="s3cret", events=(EventKind.EXCEEDED,)),
        AlertTarget("slack://token", apprise=True),
    )
    assert "s3cret" not in repr(policy)
    assert "token" not in repr(policy)


def test_budgets_go_by_metadata_that_the_config_names():
    """For `match` and for `per`; what a request claims is no exception."""
    policy = policy_of(
        "metadata: [team, env]\nbudgets:\n"
        "- {name: a, cap: 1, per: [metadata.team], match: {metadata.env: prod*}}"
    )
    said = {"metadata.team": "search", "metadata.env": "production"}
    call = Call("1", datetime(2026, 1, 1, tzinfo=UTC), "openai", "chat", "gpt-5", said)
    (scope,) = scopes_for(policy.budgets, call, run_id="r")
    assert scope.value == "search"
    with pytest.raises(ConfigError, match=r"there is no attribute"):
        policy_of("metadata: env\n" + ALLOW + "{metadata.env: x}}")


def test_processes_are_looked_up_as_the_config_says():
    """By default only where something counts by them."""
    assert policy_of("").identify_processes is ProcessPolicy.AUTO
    assert policy_of("identify_processes: off").identify_processes is ProcessPolicy.OFF
