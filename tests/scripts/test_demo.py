"""The demo runs, and the README shows what it prints."""

from pathlib import Path

import pytest

import demo

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def transcript() -> str:
    """What the demo prints."""
    if not demo.CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    return "".join(demo.transcript())


def test_the_cap_is_hit(transcript: str) -> None:
    """The tool works until its package raises what a spend limit raises."""
    assert "anthropic.EnforcedSpendLimitReachedError: HTTP 429" in transcript
    assert "x-should-retry: false" in transcript
    assert "refused" in transcript


def test_the_readme_shows_this_very_transcript(transcript: str) -> None:
    """But for times and ids; `scripts/demo --readme` brings it up to date."""
    readme = Path(demo.README).read_text("utf-8")
    shown = demo.SHOWN.search(readme)
    assert shown is not None, "the README has no <!-- demo --> part"
    assert demo.timeless(shown[0]) == demo.timeless(transcript)
