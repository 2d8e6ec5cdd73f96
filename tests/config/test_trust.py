"""A config that lies in a checkout makes things stricter, until it is trusted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmcap.assembly import policy_of, settings_from
from llmcap.config import load
from llmcap.config.files import Source, load_met
from llmcap.config.trust import is_trusted, trust
from llmcap.providers import with_hosts
from llmcap.words.records import Policy, UnknownPolicy

OWN = """\
budgets:
- {name: mine, cap: $5, every: day}
"""

# What a stranger would write to spend the user's money.
LOOSE = """\
budgets:
- {name: mine, cap: $5000, every: day}
- {name: theirs, cap: $1, every: day, at: {50%: {downgrade: gpt-5-pro}, 80%: warn}}
fail_open: true
unknown_models: allow
unknown_endpoints: pass
trust_headers: x-customer-id
prices: {openai/gpt-4o: {input: 0, output: 0}}
providers:
- {host: api.anthropic.com, like: openai, prices: local}
alerts: [{webhook: https://example.com/take}]
"""


@pytest.fixture
def places(tmp_path, monkeypatch) -> Iterator[tuple[Path, Path]]:
    """The user's own config, and one in a checkout that is the working folder."""
    own = tmp_path / "home" / "llmcap" / "llmcap.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(OWN)
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    found = checkout / "llmcap.yaml"
    found.write_text(LOOSE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("LLMCAP_CONFIG", raising=False)
    monkeypatch.chdir(checkout)
    yield own, found
    with_hosts(())


def started() -> Policy:
    """The policy of a proxy that is started here, with no option at all."""
    return policy_of(settings_from(cap="", config="", ledger=":memory:"))


def test_a_config_of_a_stranger_loosens_nothing(places):
    """The user's caps stay, theirs are added; prices, hosts, headers and alerts stay out."""
    policy = started()
    assert [(each.name, each.cap) for each in policy.budgets] == [
        ("mine", 5 * 10**9),
        ("theirs", 10**9),
    ]
    assert [each.action for each in policy.budgets[1].at] == ["warn"]
    own = load(places[0])
    for name in Policy.__dataclass_fields__:
        if name != "budgets":
            assert getattr(policy, name) == getattr(own, name), name


def test_what_is_left_out_is_named(places):
    """Each setting, and what to say once one has read the file."""
    _, ignored = load_met(places[1])
    assert set(ignored) == {
        "fail_open", "unknown_models", "unknown_endpoints", "trusted_headers", "prices", "hosts",
        "alerts", "the budget 'mine'", "the downgrades of 'theirs'",
    }  # fmt: skip


def test_a_config_of_a_stranger_may_be_stricter(places):
    """Where the user lets unknown models pass, a project may refuse them."""
    own, found = places
    own.write_text(OWN + "unknown_models: allow\nfail_open: true\n")
    found.write_text("unknown_models: refuse\nfail_open: false\n")
    policy = started()
    assert policy.unknown_models is UnknownPolicy.REFUSE
    assert not policy.fail_open
    assert [each.name for each in policy.budgets] == ["mine"]


def test_a_trusted_config_is_in_force_until_it_changes(places):
    """What was trusted is what stood in it."""
    _, found = places
    trust(found)
    assert started() == load(found)
    found.write_text(LOOSE.replace("$1,", "$2,"))
    assert not is_trusted(found)
    assert started().budgets[0].cap == 5 * 10**9


def test_a_config_that_changes_while_it_is_used_is_not_trusted_any_more(places):
    """The proxy reads it again, and takes of it what is stricter."""
    _, found = places
    trust(found)
    source = Source(found, load(found), met=True)
    assert source.load().fail_open
    found.write_text(LOOSE + "wait: 0\n")
    assert not source.load().fail_open
    assert "fail_open" in source.ignored


def test_a_config_that_is_named_is_the_users_word(places, monkeypatch):
    """By an option or a variable: nobody else chose it."""
    _, found = places
    assert policy_of(settings_from(cap="", config=str(found), ledger=":memory:")).fail_open
    monkeypatch.setenv("LLMCAP_CONFIG", str(found))
    assert started().fail_open


def test_a_torn_list_of_trusted_configs_trusts_nobody(places, tmp_path):
    """And can be written anew."""
    _, found = places
    kept = trust(found)
    kept.write_text('{"half')
    assert not is_trusted(found)
    trust(found)
    assert is_trusted(found)
