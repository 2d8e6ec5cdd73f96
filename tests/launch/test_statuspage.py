"""What a proxy tells its own clients."""

import asyncio
import json

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow, tutils

from llmcap.launch.statuspage import HOST, PATH, StatusPage
from llmcap.screens import statusline


def asked(host: str, path: str) -> HTTPFlow:
    """A request after the addon has seen it."""
    flow = tflow.tflow(req=tutils.treq(host=host, path=path.encode()))
    page = StatusPage(lambda: {"budgets": []}, {"s-1": 1_500_000_000}.get)
    asyncio.run(page.request(flow))
    return flow


def test_it_answers_for_its_own_name() -> None:
    """As JSON that nobody keeps."""
    response = asked(HOST, PATH).response
    assert response is not None
    assert json.loads(response.content or b"") == {"budgets": []}
    assert response.headers["cache-control"] == "no-store"


def test_it_is_where_the_status_line_asks() -> None:
    """The line imports nothing of ours, so both have the address."""
    assert (statusline.HOST, statusline.PATH) == (HOST, PATH)


@pytest.mark.parametrize(("session", "cost"), [("s-1", "1.5"), ("s-2", None)])
def test_it_says_what_a_session_has_cost(session: str, cost: str | None) -> None:
    """Where that is known."""
    response = asked(HOST, f"{PATH}?session={session}").response
    assert response is not None
    assert json.loads(response.content or b"")["session_usd"] == cost


@pytest.mark.parametrize(
    ("host", "path"), [("api.openai.com", PATH), (f"x.{HOST}", PATH), (HOST, "/other")]
)
def test_what_is_none_of_its_business_is_left_to_others(host: str, path: str) -> None:
    """Other hosts, and other paths: `shell.ownname` has a word for those."""
    assert asked(host, path).response is None
