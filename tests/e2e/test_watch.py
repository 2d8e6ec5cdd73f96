"""What `up --watch` says would be refused is what `up` refuses, call by call."""

import json

from fake_provider.process import ProviderHandle

from .test_up import CURL, Shell, shell

__all__ = ["shell"]

CAP = "2 requests/day"
CALLS = f'eval "$($LLMCAP env)"; for n in 1 2 3 4; do {CURL}; echo; done'


def test_watching_stops_nothing_and_says_what_enforcing_stops(
    shell: Shell, provider: ProviderHandle
) -> None:
    """The same calls twice: the bill is of all, and then of those that were said to pass."""
    said = shell(f"$LLMCAP up --port 0 --no-page --watch --cap '{CAP}'")
    assert "cap: 2 requests every day, watched only" in said
    codes = shell(CALLS).split()
    assert codes == ["200"] * 4
    report = json.loads(shell("$LLMCAP watch report --json"))
    assert [call["would"] for call in report["calls"]] == ["refused"] * 2
    assert report["caps"][0]["would_suffice"] == 4
    billed = provider.nanos()
    shell("$LLMCAP down")
    shell("mv $XDG_DATA_HOME/llmcap $XDG_DATA_HOME/watched")
    shell(f"$LLMCAP up --port 0 --no-page --cap '{CAP}'")
    codes = shell(CALLS).split()
    assert codes[:2] == ["200", "200"]
    assert all(code in ("429", "402") for code in codes[2:])
    assert (provider.nanos() - billed) * 2 == billed


def test_several_workers_watch_one_cap(shell: Shell, provider: ProviderHandle) -> None:
    """Whichever of them has a call: what is said is of all of them together."""
    said = shell(f"$LLMCAP up --port 0 --no-page --workers 2 --watch --cap '{CAP}'")
    assert "watched only" in said
    calls = CALLS.replace("1 2 3 4", "1 2 3 4 5 6 7 8")
    assert shell(calls).split() == ["200"] * 8
    report = json.loads(shell("$LLMCAP watch report --json"))
    assert [call["would"] for call in report["calls"]] == ["refused"] * 6
    assert report["caps"][0]["would_suffice"] == 8
    assert len(provider.bill()["records"]) == 8
