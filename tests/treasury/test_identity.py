"""Who may be a node: each case of what a file remembers and the treasury knows."""

from dataclasses import replace

import pytest

from llmcap.treasury.identity import SILENT_SECONDS, Joins, Known, Stops, Waits, judge
from llmcap.treasury.protocol import Claim

FILE = Claim("n", "host", 3, 7, "", "session-4", "session-3")
KNOWN = Known("active", 3, 7, "m7", "session-3", SILENT_SECONDS)

CASES = [
    pytest.param(replace(FILE, epoch=0, seq=0), None, Joins, "", id="a new node"),
    pytest.param(FILE, KNOWN, Joins, "", id="it comes back"),
    pytest.param(
        replace(FILE, pending_id="m8"), replace(KNOWN, seq=8, last_id="m8"), Joins, "",
        id="the answer to its last message was lost",
    ),
    pytest.param(
        replace(FILE, epoch=2), KNOWN, Joins, "", id="the answer to its last joining was lost"
    ),
    pytest.param(
        FILE, replace(KNOWN, silent_seconds=0), Waits, "", id="its other start may still run"
    ),
    pytest.param(
        FILE, replace(KNOWN, state="left", silent_seconds=0), Joins, "", id="it left in good order"
    ),
    pytest.param(FILE, None, Stops, "another treasury", id="a treasury that does not know it"),
    pytest.param(FILE, replace(KNOWN, state="retired"), Stops, "was retired", id="retired"),
    pytest.param(FILE, replace(KNOWN, seq=8), Stops, "old copy", id="a message that it never sent"),
    pytest.param(
        replace(FILE, pending_id="m8"), replace(KNOWN, seq=8, last_id="x8"), Stops, "old copy",
        id="a message of a copy",
    ),
    pytest.param(
        FILE, replace(KNOWN, epoch=4, session="session-9"), Stops, "old copy",
        id="a start of a copy",
    ),
    pytest.param(FILE, replace(KNOWN, epoch=5), Stops, "old copy", id="two starts of a copy"),
    pytest.param(FILE, replace(KNOWN, seq=6), Stops, "older than this node", id="an old treasury"),
    pytest.param(
        FILE, replace(KNOWN, epoch=2), Stops, "older than this node", id="a treasury of before"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "known", "verdict", "said"), CASES)
def test_a_proxy_is_the_node_that_its_file_says_or_is_told_why_not(claim, known, verdict, said):
    """Each reason is a sentence of its own, with the move to make."""
    found = judge(claim, known)
    assert isinstance(found, verdict)
    if isinstance(found, Stops):
        assert said in found.why
        assert "\nhint: " in found.why
