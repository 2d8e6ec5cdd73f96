"""Questions that nobody would ask: each is answered, or told what is wrong with it."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

VIEWS = ("/api/now", "/api/spend", "/api/calls", "/api/calls.csv", "/api/exposure", "/api/call/1")
NAMES = st.sampled_from(
    ["since", "until", "zone", "by", "before", "node", "project", "state", "model", "metadata.x"]
)
ODD = st.sampled_from(
    ["", "0", "-1", "9" * 19, "9" * 30, "9" * 4_400, "\u0663", "1e9", "nan", "0001-01-01",
     "9999-12-31T23:59:59", "2026-11-01T00:00:00+23:59", "0001-01-01T00:00+14:00", "2026-W01",
     "Europe/Berlin", "UTC0", "localtime", "../etc/passwd", "Europe", "right/UTC", "[", "[!",
     "*" * 60, "a" * 900, "'", '"', "\\", "\x00", "\ud83d", "metadata.", "$", "here"]
)  # fmt: skip
ANY = st.text(max_size=12)


@example(view="/api/calls", asked={"before": "9" * 5_000}, role="everybody")
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    view=st.sampled_from(VIEWS),
    asked=st.dictionaries(NAMES, ODD | ANY, max_size=3),
    role=st.sampled_from(["everybody", "red"]),
)
def test_no_question_makes_the_page_fail(clients, view, asked, role):
    """It is answered, or it is a mistake that a sentence tells; never a fault of ours."""
    query = urlencode({name: value.encode("utf-8", "replace") for name, value in asked.items()})
    status, _, body = clients[role].ask(f"{view}?{query}")
    assert status in (200, 400, 404), (view, asked, body)
    if status != 200:
        assert body["error"]
    if role == "red":
        assert "onerror" not in str(body), "it is in the name of another project"


@pytest.fixture
def clients(page):
    """Who sees all, and who sees one project."""
    return {"everybody": page.client("viewer"), "red": page.client("viewer", "red")}
