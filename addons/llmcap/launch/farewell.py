"""What `llmcap run` says when the command has ended: to people, to programs, to GitHub Actions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmcap.launch.tally import Tally
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError
from llmcap.words.money import format_usd
from llmcap.words.records import Balance, CapUnit, Scope

MODELS_SHOWN_MAX = 4

# What is said where a cap is set and no call came by: it may not have been needed, or not obeyed.
UNSEEN = (
    "if it called a model, that went past the proxy: `llmcap doctor -- COMMAND` says why, and "
    "`--confine` (Linux) leaves no way past"
)


def line(tally: Tally, *, uncapped: bool = False, past: int = 0, elsewhere: str = "") -> str:
    """
    One line: calls, cost by model, refused, what is left, or that there is no cap at all. `past`
    are the attempts of a confined command to get past the proxy, `elsewhere` is what is to be said
    of calls that it may have made past it.

    `LLMCap: 12 calls, $0.43 (claude-opus-4-5 $0.40, claude-haiku-4-5 $0.03), 1 refused; $4.57 of
    $5.00 left`
    """
    parts = [several(tally.calls, "call")]
    if tally.calls:
        parts.append(format_usd(tally.cost_nanos) + _by_model(tally))
    if tally.refused:
        parts.append(f"{tally.refused} refused")
    if tally.cut:
        parts.append(f"{tally.cut} cut off")
    if tally.rejected:
        parts.append(f"{tally.rejected} not sent for want of a price or a known endpoint")
    if tally.assumed:
        parts.append(f"{tally.assumed} at the most they can have cost")
    left = [left_of(scope, balance) for scope, balance in tally.left]
    if uncapped:
        left = ["no cap is set"]
    if past:
        left.append(stopped(past))
    if elsewhere:
        left.append(elsewhere)
    return "; ".join([f"LLMCap: {', '.join(parts)}", *left])


def stopped(past: int) -> str:
    """`at least 3 attempts past the proxy were stopped`."""
    were = several(past, "attempt past the proxy was", "attempts past the proxy were")
    return f"at least {were} stopped"


def left_of(scope: Scope, balance: Balance) -> str:
    """`$4.57 of $5.00 left`, with the budget's name where it is not the one of `--cap`."""
    budget = scope.budget
    cap = budget.cap + balance.raised
    left = max(cap - balance.spent - balance.held, 0)
    if budget.unit is CapUnit.USD:
        text = f"{format_usd(_floored(left))} of {format_usd(cap)} left"
    else:
        text = f"{left:,} of {cap:,} {budget.unit} left"
    name = f" in {budget.name}" if budget.name != "cap" else ""
    value = f" ({scope.value})" if scope.value else ""
    return f"{text}{name}{value}"


def _floored(nanos: int) -> int:
    """Rounded down to what is shown, so that a dollar less a fraction does not read as a dollar."""
    for unit in (10**7, 10**5, 10**3):
        if nanos >= 100 * unit:
            return nanos // unit * unit
    return nanos


def _by_model(tally: Tally) -> str:
    costs = tally.cost_by_model.most_common()
    if len(costs) < 2:
        return f" ({costs[0][0]})" if costs else ""
    shown = [f"{model} {format_usd(cost)}" for model, cost in costs[:MODELS_SHOWN_MAX]]
    rest = costs[MODELS_SHOWN_MAX:]
    if rest:
        shown.append(f"{len(rest)} more {format_usd(sum(cost for _, cost in rest))}")
    return f" ({', '.join(shown)})"


def report(
    tally: Tally,
    *,
    command: Sequence[str],
    exit_code: int,
    seconds: float,
    project: str,
    past: int | None = None,
    elsewhere: Sequence[str] = (),
) -> dict[str, Any]:
    """
    The same for `--report`; of the command only its name, as arguments may hold a prompt. `past` is
    None where it was not confined; `elsewhere` are daemons that may have made its calls.
    """
    return {
        "command": Path(command[0]).name,
        "exit_code": exit_code,
        "seconds": round(seconds, 3),
        "project": project or None,
        "confined": past is not None,
        "attempts_past_the_proxy": past,
        "may_call_elsewhere": list(elsewhere),
        **tally.as_json(),
    }


def write_report(path: Path, document: Mapping[str, Any]) -> None:
    """Write it. Raises `ConfigError`."""
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: the report cannot be written: {error.strerror}") from error


def tell_github(tally: Tally, last_words: str, environ: Mapping[str, str]) -> list[str]:
    """
    The lines that make GitHub Actions show an error, and a table in the job's summary.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    if environ.get("GITHUB_ACTIONS") != "true":
        return []
    if summary := environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(_summary(tally))
        except OSError as error:
            return [f"::warning title=LLMCap::The step summary cannot be written: {error.strerror}"]
    if not tally.capped:
        return []
    names = ", ".join(tally.refused_by) or "cap"
    text = f"The spend cap is reached ({names}). {last_words}"
    return [f"::error title=LLMCap::{_escaped(text)}"]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _summary(tally: Tally) -> str:
    rows = [
        f"| {model} | {tally.calls_by_model[model]} | {format_usd(cost)} |"
        for model, cost in tally.cost_by_model.most_common()
    ]
    refused = several(tally.refused, "call")
    stopped = f"\n**{refused} refused, {tally.cut} cut off.**\n" if tally.capped else ""
    left = "".join(f"- {left_of(scope, balance)}\n" for scope, balance in tally.left)
    return "\n".join([
        "### LLMCap",
        "",
        "| model | calls | cost |",
        "| --- | ---: | ---: |",
        *rows,
        f"| **all** | **{tally.calls}** | **{format_usd(tally.cost_nanos)}** |",
        stopped,
        left,
    ])  # fmt: skip
