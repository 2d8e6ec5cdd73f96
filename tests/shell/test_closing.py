"""Promise: after the last injected frame both sides are closed, and no frame is torn by another."""

import pytest
import wsproto.events
from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import ConnectionClosed, DataReceived, HookCompleted, Start, Wakeup
from mitmproxy.proxy.layers.websocket import WebSocketMessageInjected
from mitmproxy.test import taddons, tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.frame_protocol import Opcode

from llmcap.shell import closing, keeper


class Bystander:
    """Lets every frame go: what is decided about it is not of interest here."""

    def frame(self, flow):
        """Nothing to wait for."""

    def hung_up(self, flow):
        """Nothing to settle."""


@pytest.fixture(autouse=True)
def bystander(monkeypatch):
    """The streams ask somebody, whatever other tests have left."""
    monkeypatch.setattr(keeper, "_keepers", [Bystander()])


class Sides:
    """A layer between a client and a provider, both of which are read here."""

    def __init__(self):
        with taddons.context() as context:
            self.flow = tflow.twebsocketflow()
            self.flow.websocket.messages.clear()
            self.flow.response.headers.pop("sec-websocket-extensions", None)
            self.layer = closing.ClosableWebsocketLayer(
                Context(self.flow.client_conn, context.options), self.flow
            )
        self.layer.context.server = self.flow.server_conn
        self.client = Connection(ConnectionType.CLIENT)
        self.provider = Connection(ConnectionType.SERVER)
        self.got = {"client": [], "provider": []}
        self.closed = []
        self.wakeup = None
        self.unheard = None  # what is on its way to the provider, where that is late
        self.hooks = []
        self.run(Start())

    def run(self, event):
        """Give the layer an event and carry out what it wants."""
        pending = [event]
        while pending:
            for command in self.layer.handle_event(pending.pop(0)):
                if isinstance(command, commands.StartHook):
                    self.hooks.append(command.name)
                    pending.append(HookCompleted(command))
                elif isinstance(command, commands.RequestWakeup):
                    self.wakeup = command
                elif isinstance(command, commands.SendData):
                    self._sent(command)
                elif isinstance(command, commands.CloseConnection):
                    self.closed.append(self._name(command.connection))

    def _name(self, connection):
        return "client" if connection is self.flow.client_conn else "provider"

    def _sent(self, command):
        name = self._name(command.connection)
        if self.unheard is not None and name == "provider":
            self.unheard.append(command)
            return
        side = getattr(self, name)
        side.receive_data(command.data)
        for event in side.events():
            if isinstance(event, wsproto.events.TextMessage):
                self.got[name].append(event.data)
            elif isinstance(event, wsproto.events.CloseConnection):
                self.got[name].append((event.code, event.reason))

    def provider_says(self, text, *, finished=True):
        """A frame, or a part of one."""
        data = self.provider.send(wsproto.events.TextMessage(text, message_finished=finished))
        self.run(DataReceived(self.flow.server_conn, data))

    def hear(self):
        """The provider reads what was on its way to it."""
        unheard, self.unheard = self.unheard, None
        for command in unheard:
            self._sent(command)

    def wake(self):
        """The time for which the layer has asked is over."""
        self.run(Wakeup(self.wakeup))

    def inject(self, text):
        """A frame to the client that nobody sent."""
        message = WebSocketMessage(Opcode.TEXT, False, text.encode())
        self.run(WebSocketMessageInjected(self.flow, message))


@pytest.fixture
def sides():
    """Nothing of a test stays in the table of what is to be closed."""
    made = Sides()
    yield made
    closing.forget(made.flow.id)


def test_both_sides_are_closed_after_the_injected_frame(sides):
    """Not before it, and with the reason."""
    closing.close(sides.flow.id, 1008, "no money")
    sides.provider_says("a word")
    assert sides.closed == []
    sides.inject("an error")
    assert sides.got["client"] == ["a word", "an error", (1008, "no money")]
    assert sides.got["provider"] == [(1008, "no money")]
    assert sides.closed == ["provider", "client"]
    assert sides.hooks[-1] == "websocket_end"
    assert sides.flow.websocket.close_code == 1008
    assert not sides.flow.live


def test_a_frame_is_not_injected_into_half_of_another(sides):
    """It waits until the other one is whole."""
    sides.provider_says("half ", finished=False)
    sides.inject("an error")
    assert sides.got["client"] == []
    sides.provider_says("a sentence")
    assert "".join(sides.got["client"]) == "half a sentencean error"
    assert sides.closed == []


def test_a_flow_that_is_not_to_be_closed_goes_on(sides):
    """After any number of injected frames."""
    for number in range(3):
        sides.inject(str(number))
    sides.provider_says("more")
    assert sides.got["client"] == ["0", "1", "2", "more"]
    assert sides.closed == []


class Counting(Bystander):
    """Notes what it is shown."""

    def __init__(self):
        self.shown = []

    def frame(self, flow):
        """One more."""
        self.shown.append(flow.websocket.messages[-1].text)


@pytest.fixture
def reading_on(sides, monkeypatch):
    """A session that was closed while its provider was writing."""
    seen = Counting()
    monkeypatch.setattr(keeper, "_keepers", [seen])
    sides.unheard = []
    closing.leave(sides.flow.id, 1000, "", last=(b"an error",))
    sides.provider_says("too much")
    seen.shown.clear()
    return seen


TOLD = ["an error", (1000, "")]


def test_what_was_on_its_way_is_counted_and_goes_no_further(sides, reading_on):
    """Our side is closed at once, the client is told; both end when the provider has answered."""
    assert len(sides.unheard) == 1
    sides.provider_says("half ", finished=False)
    sides.provider_says("a word")
    sides.provider_says("more")
    assert reading_on.shown == ["half a word", "more"]
    assert (sides.got["client"], sides.closed) == (TOLD, [])
    sides.hear()
    assert sides.got["provider"] == [(1000, "")]
    answer = sides.provider.send(wsproto.events.CloseConnection(1000))
    sides.run(DataReceived(sides.flow.server_conn, answer))
    assert sides.got["client"] == TOLD
    assert sides.closed == ["provider", "client"]
    assert not sides.flow.live


def test_what_came_with_the_frame_of_the_cut_is_counted_too(sides, monkeypatch):
    """It was in the same read: nothing of it gets through, and nothing is lost."""
    seen = Counting()
    monkeypatch.setattr(keeper, "_keepers", [seen])
    say = lambda text: sides.provider.send(wsproto.events.TextMessage(text))  # noqa: E731
    closing.leave(sides.flow.id, 1000, "", last=(b"an error",))
    sides.run(DataReceived(sides.flow.server_conn, b"".join(map(say, ("one", "two", "three")))))
    assert seen.shown == ["one", "two", "three"]
    assert sides.got == {"client": TOLD, "provider": [(1000, "")]}


class Slow(Bystander):
    """Takes its time with each frame."""

    def frame(self, _flow):
        """Something to wait for."""
        return object()


def test_nothing_is_read_of_a_provider_while_its_frame_is_handled(sides, monkeypatch):
    """Else it would wait where nobody can count it, and our own last words behind it."""
    told = []

    class Watched:
        def handles(self, *, still):
            told.append(still)

    monkeypatch.setattr(keeper, "_keepers", [Slow()])
    sides.layer._arrivals = Watched()
    data = sides.provider.send(wsproto.events.TextMessage("a word"))
    commands_ = list(sides.layer.handle_event(DataReceived(sides.flow.server_conn, data)))
    assert told == [True]
    for _ in range(2):  # we have decided, and other addons have looked
        commands_ = list(sides.layer.handle_event(HookCompleted(commands_[-1])))
    assert told == [True, True, False]


def test_a_provider_that_goes_on_is_left(sides, reading_on, monkeypatch):
    """After its time, when nothing has come for some turns of the loop."""
    for _ in range(3):
        sides.provider_says("more")
        sides.wake()
    assert sides.closed == []
    monkeypatch.setattr(closing.leavers, "PARTING_SECONDS", 0.0)
    sides.layer._due = 0.0
    sides.wake()
    assert sides.closed == ["provider", "client"]
    assert reading_on.shown == ["more"] * 3


def test_a_provider_that_closes_its_connection_is_left_at_once(sides, reading_on):
    """It says no more."""
    sides.run(ConnectionClosed(sides.flow.server_conn))
    assert sides.closed == ["provider", "client"]
