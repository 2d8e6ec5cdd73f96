"""Promise: no frame that could cost money passes unmetered, whatever fails or waits."""

import asyncio
import json

import pytest
from mitmproxy.test import taddons, tflow
from mitmproxy.websocket import WebSocketMessage
from talk import upgrade
from walk import walk
from wsproto.frame_protocol import Opcode

from llmcap.shell import upgrades
from llmcap.shell.upgrades import Upgrades
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.attributes import Facts
from llmcap.words.errors import LedgerError

ASK = {"type": "response.create", "model": "gpt-4o-mini", "input": "hi", "max_output_tokens": 100}
USAGE = {"input_tokens": 10, "output_tokens": 1}
MOMENT = upgrades.IN_PLACE_SECONDS
PATIENCE = 120  # seconds; ends what hangs


def completed(response_id="resp_1"):
    """The last frame of a response."""
    response = {"id": response_id, "model": "gpt-4o-mini", "usage": USAGE}
    return {"type": "response.completed", "response": response}


class Shell:
    """The addon with one open session; what it injects is kept instead."""

    def __init__(self, monkeypatch, cap="1", **policy):
        self.monkeypatch = monkeypatch
        self.walked = walk(cap, **policy)
        self.addon = Upgrades()
        self.flow = tflow.twebsocketflow()
        self.flow.websocket.messages.clear()
        self.injected = []
        self.closed = []
        monkeypatch.setattr(upgrades, "_send", self._send)
        monkeypatch.setattr(
            upgrades.closing, "close", lambda *arguments: self.closed.append(arguments[1:])
        )
        found = self.addon.consider(
            self.flow, self.walked.firewall, upgrade("/v1/responses"), Facts()
        )
        assert isinstance(found, Pass)

    def _send(self, flow, frames, *, to_client, is_text=True):
        assert flow is self.flow
        assert is_text
        side = "client" if to_client else "provider"
        self.injected += [(side, json.loads(frame)) for frame in frames]

    async def frame(self, document, *, from_client=True, waits=False):
        """
        A frame arrives; gives it as the addon left it.

        One that `waits` for money is told so after the addon's own moment; the others are decided
        in their place, however busy this machine is.
        """
        self.monkeypatch.setattr(upgrades, "IN_PLACE_SECONDS", MOMENT if waits else PATIENCE)
        content = json.dumps(document).encode()
        message = WebSocketMessage(Opcode.TEXT, from_client, content)
        self.flow.websocket.messages.append(message)
        work = self.addon.frame(self.flow)
        if work is not None:
            await work
        return message


@pytest.fixture
def shell(monkeypatch):
    """Makes one."""
    return lambda *arguments, **policy: Shell(monkeypatch, *arguments, **policy)


def test_a_frame_is_admitted_in_its_place(shell):
    """Nothing is injected where there is money."""

    async def story():
        told = shell()
        assert not (await told.frame(ASK)).dropped
        assert not (await told.frame(completed(), from_client=False)).dropped
        assert told.injected == []
        assert told.walked.balance.spent == 10 * 150 + 600

    asyncio.run(story())


def test_a_refused_frame_is_dropped_and_answered(shell):
    """The provider gets nothing."""

    async def story():
        told = shell("0")
        assert (await told.frame(ASK)).dropped
        [(side, error)] = told.injected
        assert (side, error["type"], error["status"]) == ("client", "error", 429)
        assert told.closed == []

    asyncio.run(story())


def test_a_frame_that_waits_lets_the_providers_frames_pass(shell):
    """And they bring the money for it; what the client says after it comes after it."""

    async def story():
        known = ("response.cancel", "other")  # no frames that OpenAI knows: somebody allows them
        told = shell("0.00013", min_output=100, allow_fields=known)
        assert not (await told.frame(ASK)).dropped
        waiting = await told.frame({**ASK, "input": "second"}, waits=True)
        behind = await told.frame({"type": "response.cancel"})
        assert waiting.dropped
        assert behind.dropped
        assert told.injected == []
        later = told.addon._lines[told.flow.id].task
        assert not (await told.frame(completed(), from_client=False)).dropped
        await asyncio.wait_for(later, PATIENCE)
        assert [side for side, _ in told.injected] == ["provider", "provider"]
        assert told.injected[0][1]["input"] == "second"
        assert told.injected[1][1] == {"type": "response.cancel"}
        assert not (await told.frame({"type": "other"})).dropped

    asyncio.run(story())


def test_a_connection_that_ends_while_a_frame_waits_leaves_nothing(shell):
    """No hold, nobody in the line, nothing injected."""

    async def story():
        known = ("response.cancel", "other")  # no frames that OpenAI knows: somebody allows them
        told = shell("0.00013", min_output=100, allow_fields=known)
        await told.frame(ASK)
        assert (await told.frame(ASK, waits=True)).dropped
        told.addon.hung_up(told.flow)
        await asyncio.sleep(0.3)
        assert told.walked.balance.held == 0
        assert len(told.walked.firewall.shared.line) == 0
        assert told.injected == []

    asyncio.run(story())


@pytest.mark.parametrize("fail_open", [False, True])
def test_a_ledger_that_fails_refuses_unless_told_otherwise(shell, monkeypatch, fail_open):
    """An internal error is no way out."""

    def broken(*_, **__):
        raise LedgerError("the disk is gone")

    async def story():
        told = shell(fail_open=fail_open)
        monkeypatch.setattr(told.walked.firewall.ledger, "hold", broken)
        message = await told.frame(ASK)
        assert message.dropped is not fail_open
        errors = [frame["error"]["code"] for _, frame in told.injected]
        assert errors == ([] if fail_open else ["ledger_error"])

    asyncio.run(story())


def test_a_mistake_while_metering_bills_the_hold(shell, monkeypatch):
    """And the provider's frame passes."""

    async def story():
        told = shell()
        await told.frame(ASK)
        held = told.walked.balance.held
        line = told.addon._lines[told.flow.id]
        monkeypatch.setattr(line.session._wire, "heard", lambda _: 1 / 0)
        assert not (await told.frame(completed(), from_client=False)).dropped
        assert told.walked.balance.spent == held

    asyncio.run(story())


def test_what_mitmproxy_would_pass_on_unread_is_refused(shell):
    """A change of protocol that ends in no WebSocket of mitmproxy's."""
    told = shell()
    told.flow.websocket = None
    told.addon.answered(told.flow)
    assert told.flow.response.status_code == 426


def test_another_protocol_is_not_asked_for(shell):
    """The header is taken out, and the request goes the way of all requests."""
    told = shell()
    flow = tflow.tflow()
    flow.request.headers["upgrade"] = "h2c"
    request = upgrade("/v1/models", headers={"upgrade": "h2c"})
    assert told.addon.consider(flow, told.walked.firewall, request, Facts()) == Pass("free")
    assert "upgrade" not in flow.request.headers


def test_an_unknown_socket_is_refused(shell):
    """Before any connection."""
    told = shell()
    found = told.addon.consider(
        tflow.tflow(), told.walked.firewall, upgrade("/v1/no/such"), Facts()
    )
    assert isinstance(found, Refused)


def test_only_the_last_frames_are_kept(shell):
    """A session of days must not fill the memory."""

    async def story():
        told = shell()
        for _ in range(upgrades.FRAMES_KEPT + 50):
            await told.frame({"type": "rate_limits"}, from_client=False)
        assert len(told.flow.websocket.messages) == upgrades.FRAMES_KEPT

    asyncio.run(story())


@pytest.mark.parametrize("exits", [True, False])
def test_the_end_settles_and_closes_what_is_open(shell, exits):
    """Where the proxy goes on without the addon, a session must not."""

    async def story():
        told = shell()
        await told.frame(ASK)
        with taddons.context() as context:
            context.master.should_exit = asyncio.Event()
            if exits:
                context.master.should_exit.set()
            told.addon.done()
        assert told.walked.balance.held == 0
        assert told.walked.balance.spent > 0
        assert bool(told.closed) is not exits

    asyncio.run(story())
