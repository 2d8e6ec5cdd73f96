"""The standing proxy's settings; its life is shown in `e2e/test_up.py`."""

from llmcap.launch.environment import MARK, UPSTREAM_MARK
from llmcap.launch.up import in_force, upstream_of
from llmcap.words.money import parse_usd
from llmcap.words.records import Budget, Policy

OURS = "http://127.0.0.1:8377"


def test_a_companys_proxy_is_chained() -> None:
    """As `llmcap run` does."""
    assert upstream_of({"HTTPS_PROXY": "http://company:3128"}) == "http://company:3128"
    assert upstream_of({}) is None


def test_a_proxy_of_ours_is_never_chained_to_itself() -> None:
    """A shell that was set up for it starts it anew: what it was chained to is chained again."""
    shell = {"HTTPS_PROXY": OURS, MARK: OURS}
    assert upstream_of(shell) is None
    assert upstream_of({**shell, UPSTREAM_MARK: "http://company:3128"}) == "http://company:3128"


def test_the_user_is_told_what_is_capped() -> None:
    """Also that nothing is."""
    capped = Policy(budgets=(Budget("all", cap=parse_usd(5), every="day"),))
    assert in_force(capped, OURS) == [
        f"LLMCap listens at {OURS} and caps", "  all: $5.00 every day",
    ]  # fmt: skip
    assert "nothing: there is no budget" in in_force(Policy(), OURS)[1]


def test_the_user_is_told_for_whom_a_key_is_put_in() -> None:
    """Programs that use the proxy otherwise have the real one."""
    (line,) = in_force(Policy(keys={"openai": "env:REAL_KEY"}), OURS)[2:]
    assert "keys of openai: put in for commands of `llmcap run --confine --through-up`" in line
    assert "REAL_KEY" not in line
