"""
The mitmproxy shell of WebSocket sessions: frames in, verdicts out. `sockets` decides what may pass.

mitmproxy handles nothing else of a connection while a frame's hook runs. So a frame of the client
that has to wait for money is taken out and put back in when it is admitted, with all that the
client sent after it: meanwhile the provider's frames flow, and it is they that bring money back.
"""

import asyncio
import functools
from collections import deque

from mitmproxy import ctx, http
from mitmproxy.websocket import WebSocketMessage

from llmcap.providers.parts.shape import Request
from llmcap.replies import refuse_upgrade
from llmcap.shell import closing
from llmcap.shell.arrivals import arrivals_of
from llmcap.shell.destinations import provider_host
from llmcap.shell.flows import response_of
from llmcap.shell.guarded import ENDINGS, fails_open
from llmcap.shell.keeper import Work
from llmcap.sockets import Pending, Session, Verdict, opened
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Pass, Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.decision import decide_now, try_cheap
from llmcap.walk.deferred import Deferred
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.walk.patience import admit, caught_up, patiently
from llmcap.words.errors import LLMCapError
from llmcap.words.told import Log

logger = Log(__name__)

# So long a frame waits in its place before it is taken out.
IN_PLACE_SECONDS = 0.05

# mitmproxy keeps every frame of a connection; only the last ones are of use to anyone.
FRAMES_KEPT = 256

GOING_AWAY = 1001  # https://www.rfc-editor.org/rfc/rfc6455#section-7.4
TRY_LATER = 1013
UNLOADED = "LLMCap was unloaded while this session was open"

# Frames that may stand behind one that waits.
QUEUE_MAX = 10_000


class Line:
    """A session, and the client's frames that wait in front of it."""

    def __init__(self, session: Session, flow: http.HTTPFlow) -> None:
        self.session = session
        self.flow = flow
        self.waiting: deque[WebSocketMessage] = deque()
        self.task: asyncio.Task[None] | None = None


class Upgrades:
    """The sessions of one proxy, by the flow that opened each."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    # --- opening ------------------------------------------------------------------------------

    def consider(
        self, flow: http.HTTPFlow, firewall: Firewall, request: Request, facts: Facts
    ) -> Pass | Refused | Deferred | Admission:
        """What to do with a request, one that wants to go on in another protocol too."""
        wanted = request.headers.get("upgrade", "").lower()
        if wanted == "websocket":
            found = opened(firewall, request, facts)
            if isinstance(found, Session):
                found.arrivals = functools.partial(arrivals_of, flow)
                self._lines[flow.id] = Line(found, flow)
            return found if isinstance(found, Refused) else Pass("websocket")
        if wanted:
            # Another protocol (h2c) would be passed on unread, and no client needs it.
            del flow.request.headers["upgrade"]
        return firewall.consider(request, facts)

    def answered(self, flow: http.HTTPFlow) -> None:
        """No frame will come where the provider changes nothing, or to what we cannot read."""
        if flow.response is None or flow.websocket is not None:
            return
        opened_here = self._lines.pop(flow.id, None) is not None
        if flow.response.status_code == 101 and (opened_here or provider_host(flow)):
            logger.error("LLMCap refused a connection that mitmproxy would have passed on unread")
            flow.response = response_of(refuse_upgrade())

    def broke(self, flow_id: str, reason: str) -> None:
        """It never came to that."""
        self._end(flow_id, reason)

    # --- frames -------------------------------------------------------------------------------

    def frame(self, flow: http.HTTPFlow) -> Work:
        """One frame, before it is passed on; at once, where it has to wait for nothing."""
        line = self._lines.get(flow.id)
        assert flow.websocket is not None
        message = flow.websocket.messages[-1]
        if line is None or message.dropped:
            return None
        del flow.websocket.messages[:-FRAMES_KEPT]
        if message.from_client and line.task is not None:
            message.drop()
            self._enqueue(flow, line, message)
            return None
        try:
            session = line.session
            read = session.from_client if message.from_client else session.from_provider
            step = read(message.content)
            if isinstance(step, Verdict):
                _apply(flow, message, step)
                return _late(session)
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - mitmproxy would pass the frame on
            self._failed(flow, line, message, error)
            return None
        return self._waited(flow, line, message, step)

    def hung_up(self, flow: http.HTTPFlow) -> None:
        """The connection is closed, by whomever."""
        closing.forget(flow.id)
        by_client = flow.websocket is not None and flow.websocket.closed_by_client
        reason = "client disconnected" if by_client else "the provider closed the connection"
        self._end(flow.id, reason)

    def of_client(self, client_id: str) -> list[str]:
        """The flows of its open sessions."""
        found = self._lines.items()
        return [flow_id for flow_id, line in found if line.flow.client_conn.id == client_id]

    def client_gone(self, client_id: str) -> None:
        """Nothing is left open of a connection that is gone, whatever else was told."""
        for flow_id in self.of_client(client_id):
            self._end(flow_id, "client disconnected")

    def done(self) -> None:
        """The proxy ends; or the addon, and then nobody would meter what is still open."""
        for flow_id, line in list(self._lines.items()):
            self._end(flow_id, "the proxy ended")
            if line.flow.websocket is not None and not ctx.master.should_exit.is_set():
                closing.close(flow_id, GOING_AWAY, UNLOADED)
                _send(line.flow, line.session.failed(UNLOADED).to_client, to_client=True)

    # --- parts --------------------------------------------------------------------------------

    async def _waited(
        self, flow: http.HTTPFlow, line: Line, message: WebSocketMessage, step: Pending
    ) -> None:
        try:
            if message.from_client:
                await self._in_place(flow, line, message, step)
                return
            verdict: Pending | Verdict = step
            while isinstance(verdict, Pending):
                verdict = verdict.decided(await _at_once(verdict.admission))
            _apply(flow, message, verdict)
            if (work := _late(line.session)) is not None:
                await work
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - likewise
            self._failed(flow, line, message, error)

    async def _in_place(
        self, flow: http.HTTPFlow, line: Line, message: WebSocketMessage, step: Pending
    ) -> None:
        """A frame of the client waits here for a moment, then beside the line of frames."""
        deciding = asyncio.ensure_future(self._decided(flow, step))
        done, _ = await asyncio.wait({deciding}, timeout=IN_PLACE_SECONDS)
        if done:
            _apply(flow, message, deciding.result())
            return
        message.drop()
        line.task = asyncio.create_task(self._later(flow, line, message, deciding))

    async def _decided(self, flow: http.HTTPFlow, step: Pending | Verdict) -> Verdict:
        """Admit what the frame starts, one after the other, however long that takes."""
        while isinstance(step, Pending):
            gone = lambda: flow.id not in self._lines  # noqa: E731
            step = step.decided(await admit(step.admission, client_left=gone))
        return step

    async def _later(
        self,
        flow: http.HTTPFlow,
        line: Line,
        message: WebSocketMessage,
        deciding: asyncio.Future[Verdict],
    ) -> None:
        """Put a frame back that was taken out, then those behind it."""
        while True:
            try:
                verdict = await deciding
            except ENDINGS:
                raise
            except BaseException as error:  # noqa: BLE001 - likewise
                verdict = self._failure(line, error)
            if flow.id not in self._lines:
                return
            _inject(flow, message, verdict)
            if not line.waiting:
                line.task = None
                return
            message = line.waiting.popleft()
            deciding = asyncio.ensure_future(self._in_turn(flow, line, message))

    async def _in_turn(self, flow: http.HTTPFlow, line: Line, message: WebSocketMessage) -> Verdict:
        return await self._decided(flow, line.session.from_client(message.content))

    def _enqueue(self, flow: http.HTTPFlow, line: Line, message: WebSocketMessage) -> None:
        if len(line.waiting) < QUEUE_MAX:
            line.waiting.append(message)
            return
        text = "LLMCap: too many frames wait for money"
        closing.close(flow.id, TRY_LATER, text)
        _send(flow, line.session.failed(text).to_client, to_client=True)

    def _failed(
        self, flow: http.HTTPFlow, line: Line, message: WebSocketMessage, error: BaseException
    ) -> None:
        """Drop what cannot be accounted for, unless the user chose `fail_open`."""
        if message.from_client:
            if fails_open(line.session.firewall.policy, error):
                logger.error("LLMCap failed open, this frame is not metered: %s", error)
                return
            _apply(flow, message, self._failure(line, error))
            return
        logger.error("LLMCap cannot meter a frame", exc_info=error)
        line.session.give_up(f"internal error while metering: {type(error).__name__}: {error}")

    def _failure(self, line: Line, error: BaseException) -> Verdict:
        expected = isinstance(error, LLMCapError)
        if not expected:
            logger.error("LLMCap failed and refused a frame", exc_info=error)
        detail = str(error) if expected else f"{type(error).__name__}: {error}"
        message = f"LLMCap refused this because it could not account for it: {detail}"
        return line.session.failed(message, reason="ledger_error" if expected else "internal_error")

    def _end(self, flow_id: str, reason: str) -> None:
        line = self._lines.pop(flow_id, None)
        if line is None:
            return
        try:
            line.session.broke(reason)
        except Exception:
            # The holds stay, and recovery bills them.
            logger.exception("LLMCap could not settle a session")


def _late(session: Session) -> Work:
    """A frame that ends a response passes when its cost is in the ledger."""
    shared = session.firewall.shared
    return caught_up(shared) if shared.late else None


async def _at_once(admission: Admission) -> CallInFlight | Refused:
    """Decide on work that is running already: nobody waits for money while it costs some."""
    late = admission.shared.late
    admitted = await patiently(functools.partial(try_cheap, admission), late)
    if admitted is not None:
        return admitted
    admission.count_tokens()
    return await patiently(functools.partial(decide_now, admission), late)


def _apply(flow: http.HTTPFlow, message: WebSocketMessage, verdict: Verdict) -> None:
    """Do to the frame that is here, in its place, what was decided."""
    if verdict.forward is None:
        message.drop()
    elif verdict.forward != message.content:
        message.content = verdict.forward
    _send_all(flow, verdict)


def _inject(flow: http.HTTPFlow, message: WebSocketMessage, verdict: Verdict) -> None:
    """The same for a frame of the client that was taken out before."""
    if verdict.forward is not None:
        _send(flow, (verdict.forward,), to_client=False, is_text=message.is_text)
    _send_all(flow, verdict)


def _send_all(flow: http.HTTPFlow, verdict: Verdict) -> None:
    _send(flow, verdict.to_provider, to_client=False)
    if verdict.close:
        assert verdict.to_client, "a session is closed after its last frame"
        if verdict.reads_on:
            closing.leave(flow.id, verdict.close, verdict.reason, last=verdict.to_client)
            return
        closing.close(flow.id, verdict.close, verdict.reason)
    _send(flow, verdict.to_client, to_client=True)


def _send(
    flow: http.HTTPFlow, frames: tuple[bytes, ...], *, to_client: bool, is_text: bool = True
) -> None:
    for frame in frames:
        closing.put_in(flow, frame, to_client=to_client, is_text=is_text)
