"""Promise: a cap of five dollars lets an agent begin: its first calls go, shorter where needed."""

from datetime import UTC, datetime

import first_calls as agents
import pytest
from walk import BOOK

from llmcap.budgets.budget import parse_short
from llmcap.providers.parts.shape import Request
from llmcap.rehearsal import Stage, Verdict
from llmcap.words.records import Policy

NOW = datetime(2026, 11, 30, tzinfo=UTC)

# Under the cap an answer is at least so long: enough for a plan, an edit and a sentence.
OUTPUT_MIN = 8_192

FIRST_CALLS = {
    "Claude Code, its title": agents.claude_code_title(),
    "Gemini CLI, its choice": agents.gemini_choice(),
    **{f"Claude Code, {model}": agents.claude_code(model) for model in agents.CLAUDE_MODELS},
    **{f"Codex, {model}": agents.codex(model) for model in agents.CODEX_MODELS},
    **{f"Codex lite, {model}": agents.codex_lite(model) for model in agents.CODEX_LITE_MODELS},
    **{f"Gemini CLI, {model}": agents.gemini(model) for model in agents.GEMINI_MODELS},
}


def stage(cap: str) -> Stage:
    """A proxy under one cap."""
    return Stage(BOOK, Policy(budgets=(parse_short(cap),)), now=NOW)


@pytest.mark.parametrize("request_", FIRST_CALLS.values(), ids=FIRST_CALLS)
def test_a_first_call_goes_under_five_dollars(request_: Request) -> None:
    """As it is or clamped, never refused, and no field of it is unknown."""
    found = stage("5").request(request_, NOW)
    assert found.verdict in (Verdict.ADMITTED, Verdict.CLAMPED), found.message
    assert found.output_limit is None or found.output_limit >= OUTPUT_MIN
    assert 0 <= (found.held_nanos or 0) - sum(part.nanos for part in found.parts) < 1
    assert all(part.most >= 0 for part in found.parts)
    assert not found.told
    assert not any(part.what == "input" for part in found.parts), "its text is all that it reads"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (agents.claude_code_title(), agents.claude_code("claude-opus-4-8")),
        (agents.gemini_choice(), agents.gemini("gemini-3.1-pro-preview")),
    ],
    ids=["Claude Code", "Gemini CLI"],
)
def test_what_an_agent_sends_at_once_goes_together(first: Request, second: Request) -> None:
    """Neither has to wait for the other: five dollars carry both holds."""
    played = stage("5")
    held = [played.request(each, NOW).held_nanos or 0 for each in (first, second)]
    assert all(held)
    assert sum(held) <= 5_000_000_000
