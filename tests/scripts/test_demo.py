"""The demo runs, and the README shows what it prints."""

import pytest

import demo

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def transcript() -> str:
    """What the demo prints."""
    if not demo.CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    return "".join(demo.transcript())


def test_the_cap_is_hit_as_the_readme_shows_it(transcript: str) -> None:
    """But for times and ids it is the same text; `scripts/demo --readme` brings it up to date."""
    assert "anthropic.EnforcedSpendLimitReachedError: HTTP 429" in transcript
    assert "x-should-retry: false" in transcript
    shown = demo.SHOWN.search(demo.README.read_text("utf-8"))
    assert shown is not None, "the README has no <!-- demo --> part"
    assert demo.timeless(shown[0]) == demo.timeless(transcript)
