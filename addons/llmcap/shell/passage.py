"""
One answer on its way from the provider to the client, and what meters it.

It never raises: mitmproxy would drop the piece and go on unmetered. A mistake of ours while
metering lets the answer pass, at the price of all that was held for it.
"""

from functools import partial

from mitmproxy import http

from llmcap.shell import cut
from llmcap.shell.arrivals import arrivals_of
from llmcap.shell.flows import (
    add_headers,
    end_grpc,
    must_stream,
    named,
    unfix_length,
)  # fmt: skip
from llmcap.shell.guarded import ENDINGS
from llmcap.shell.keeper import Fields, Watch
from llmcap.walk.deferred import Deferred
from llmcap.walk.flight import CallInFlight
from llmcap.words.told import Log

logger = Log(__name__)

Kept = CallInFlight | Deferred


class Passage:
    """From the admission of a call to whatever ends it."""

    def __init__(self, flow: http.HTTPFlow, call: Kept) -> None:
        self.flow = flow
        self.call = call
        self._streams = False
        self._begun = False
        self._is_cut = False
        self.finished = False

    def begin(self, status: int, fields: Fields) -> Watch | None:
        """The head of the answer as the provider sent it; gives what its body goes through."""
        call, response = self.call, self.flow.response
        assert response is not None
        headers = named(fields)
        if isinstance(call, Deferred):
            call.responded(status, headers)
            self._streams = True
        else:
            self._streams = must_stream(headers, status) or bool(response.stream)
            find = partial(arrivals_of, self.flow)
            call.responded(status, headers, streams=self._streams, arrivals=find)
            if self._streams:
                add_headers(response, call.headers())
                if call.alters_stream:
                    unfix_length(self.flow)
        self._begun = True
        return self.watch if self._streams else None

    def watch(self, data: bytes) -> bytes:
        """Meter a piece; gives what the client is to get of it. `b""` asks for the rest."""
        try:
            if data == b"":
                return self._finish()
            passed = self.call.feed(data)
            if self.call.cut and not self._is_cut:
                self._cut()
            return passed
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the client has its answer
            self.fail(error)
            return data

    def whole(self) -> None:
        """
        The answer is here to its end: settle, and say the cost in a header where there is time.

        An answer without a body ends here too: no piece of it went through `watch`.
        """
        response = self.flow.response
        if self.finished or not self._begun or response is None:
            return
        try:
            if not self._streams:
                self.call.feed(response.raw_content or b"")
            self._finish()
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - likewise
            self.fail(error)
        else:
            self.tell_cost()

    def tell_cost(self) -> None:
        """Say in headers what is known by now, where none has left."""
        response = self.flow.response
        if self._streams or response is None or not isinstance(self.call, CallInFlight):
            return
        try:
            add_headers(response, self.call.headers())
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - likewise
            self.fail(error)

    def broke(self, reason: str, *, sent: bool, ours: bool = False) -> None:
        """The exchange is over without a whole answer; `ours`: as this program ends."""
        if not isinstance(self.call, CallInFlight):
            return
        try:
            self.call.broke(reason, sent=sent, ours=ours)
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - other calls must be settled too
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """A mistake of ours while metering: the answer passes, and costs all that was held."""
        logger.error("LLMCap cannot meter a response", exc_info=error)
        if isinstance(self.call, CallInFlight):
            try:
                told = f"internal error while metering: {type(error).__name__}: {error}"
                self.call.give_up(told)
            except Exception:
                logger.exception("LLMCap cannot settle a call: its hold stays until the proxy ends")

    # --- parts --------------------------------------------------------------------------------

    def _cut(self) -> None:
        assert isinstance(self.call, CallInFlight), "nothing else is cut"
        self._is_cut = True
        cut.cut(self.flow.id)
        end_grpc(self.flow, self.call.cut_refusal())

    def _finish(self) -> bytes:
        self.finished = True
        return self.call.finish() or b""
