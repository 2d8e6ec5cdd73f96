"""What a proxy says by its own name, where nobody has put a page behind it."""

import pytest
from mitmproxy.http import Response
from mitmproxy.test import tflow, tutils

from llmcap.confine.egress import OWN_NAME
from llmcap.shell.ownname import NAME, NO_PAGE, NO_TLS, OwnName

HOOKS = {"request": NO_PAGE, "http_connect": NO_TLS}


@pytest.mark.parametrize("hook", HOOKS)
def test_it_says_what_to_start(hook: str) -> None:
    """In one sentence, and nothing is looked for in the network."""
    flow = tflow.tflow(req=tutils.treq(host=NAME))
    getattr(OwnName(), hook)(flow)
    assert flow.response is not None
    assert (flow.response.status_code, flow.response.text) == (404, HOOKS[hook])


@pytest.mark.parametrize("hook", HOOKS)
def test_what_has_an_answer_keeps_it_and_others_are_left(hook: str) -> None:
    """The page's, and whatever goes elsewhere."""
    flow = tflow.tflow(req=tutils.treq(host=NAME))
    flow.response = Response.make(200, b"the page")
    getattr(OwnName(), hook)(flow)
    assert flow.response.content == b"the page"
    other = tflow.tflow(req=tutils.treq(host=f"{NAME}.example"))
    getattr(OwnName(), hook)(other)
    assert other.response is None


def test_a_confined_command_may_come_to_it() -> None:
    """The rules of its network have the same name."""
    assert OWN_NAME == NAME


def test_a_confined_command_comes_through_a_tunnel() -> None:
    """To the port without TLS: what it asks for in it has an answer."""
    flow = tflow.tflow(req=tutils.treq(method=b"CONNECT", host=NAME, port=80))
    OwnName().http_connect(flow)
    assert flow.response is None
