"""Promise: `scripts/trace` shows the walk as it is, and fails when a step of its table is gone."""

import trace_call


def test_every_step_of_the_table_is_seen(capsys):
    """In the order of the walk, each with what it was given and what it gave."""
    assert trace_call.main() == 0
    shown = capsys.readouterr().out
    for number, step in enumerate(trace_call.STEPS, 1):
        assert f"{number:2} {step.what}\n" in shown
    assert "$0.001575" in shown


def test_a_step_that_nothing_reaches_is_an_error(capsys, monkeypatch):
    """A table that the code has left behind is found out."""
    gone = trace_call.step("what nobody does", len_of, str, str)
    monkeypatch.setattr(trace_call, "STEPS", (*trace_call.STEPS, gone))
    assert trace_call.main() == 1
    assert "what nobody does" in capsys.readouterr().err


def len_of(text: str) -> int:
    """Nothing calls it."""
    return len(text)
