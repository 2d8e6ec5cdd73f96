"""
The keeper of the calls: asks the core what may go, and meters what comes back.

Calls in flight are kept by `flow.id` and dropped on every ending, of which mitmproxy's stream tells
exactly one. What decides stands behind `guarded`, which refuses where it fails.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from dataclasses import replace

from mitmproxy import http

from llmcap.providers import provider_of
from llmcap.replies import Refusal, Reply, refuse
from llmcap.shared.gauges import OVERHEAD
from llmcap.shell.callers import Callers
from llmcap.shell.destinations import provider_host, provider_hosts
from llmcap.shell.flows import (  # fmt: skip
    ask_for_identity,
    credentials,
    proxy_user,
    request_of,
    response_of,
    send_as,
    strip_own_headers,
)
from llmcap.shell.guarded import ENDINGS, fails_open, guarded
from llmcap.shell.keeper import Fields, Sign, Watch, Work
from llmcap.shell.kept import InFlight
from llmcap.shell.listeners import listening_port
from llmcap.shell.parting import leavers
from llmcap.shell.passage import Passage
from llmcap.shell.upgrades import Upgrades
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts
from llmcap.walk.deferred import Deferred
from llmcap.walk.firewall import Firewall
from llmcap.walk.flight import CallInFlight
from llmcap.walk.patience import admit, admit_at_once, caught_up, read
from llmcap.walk.uploads import Upload
from llmcap.words.errors import FormatError, LLMCapError
from llmcap.words.told import Log

logger = Log(__name__)

# After a client's connection is closed, its calls have ended in every regular way within this time.
ABANDONED_AFTER_SECONDS = 2

# RFC 9110, section 15.5.20. A client that shares a connection among hosts opens another one.
MISDIRECTED = 421

CHANGED = (
    "LLMCap did not send this call: an addon changed it, or pointed it at a provider, after it had "
    "been decided about."
)


class Calls:
    """Of one proxy. `firewall` is None before it is opened, and when the proxy ends."""

    def __init__(self, callers: Callers, sign: Sign | None = None) -> None:
        self.firewall: Firewall | None = None
        self._sign = sign
        self.callers = callers
        self.in_flight = InFlight()
        self.upgrades = Upgrades()

    # --- the request --------------------------------------------------------------------------

    def greet(self, flow: http.HTTPFlow, came: Fields) -> None:
        """Remember the proxy user of a tunnel, for all of its calls: it names a project."""
        flow.request.headers.pop("proxy-authorization", None)
        if flow.response is None:
            self.callers.greeted(flow.client_conn.id, proxy_user(credentials(came)))

    @guarded
    def decide(self, flow: http.HTTPFlow, came: Fields) -> Work:
        """Admit, refuse, or leave alone; at once, where nothing has to be waited for."""
        work = self._decided(flow, came)
        if self._sign is None:
            return work
        return self._sign(flow) if work is None else self._then_signed(flow, work)

    async def _then_signed(self, flow: http.HTTPFlow, work: Awaitable[None]) -> None:
        await work
        if self._sign is not None and (signing := self._sign(flow)) is not None:
            await signing

    def _decided(self, flow: http.HTTPFlow, came: Fields) -> Work:
        hosts = provider_hosts(flow)
        if not hosts:
            return None
        if self.firewall is None:
            raise LLMCapError("LLMCap is not ready")
        if len(hosts) > 1:
            self._misdirected(flow, hosts)
            return None
        client = flow.client_conn
        facts = self.callers.facts(
            client.id,
            client.peername[:2],
            client.sockname[:2],
            user=proxy_user(credentials(came)),
            port=listening_port(client),
            policy=self.firewall.policy,
        )
        if isinstance(facts, Facts):
            return self._considered(flow, hosts[0], facts, came)
        return self._identified(flow, hosts[0], facts, came)

    async def _identified(
        self, flow: http.HTTPFlow, host: str, facts: Awaitable[Facts], came: Fields
    ) -> None:
        work = self._considered(flow, host, await facts, came)
        if work is not None:
            await work

    def _considered(self, flow: http.HTTPFlow, host: str, facts: Facts, came: Fields) -> Work:
        assert self.firewall is not None
        began = time.perf_counter()
        first = self.callers.is_first(flow.client_conn.id)
        request = request_of(flow, host, program=facts.program, process=facts.pid, first=first)
        considered = self.upgrades.consider(flow, self.firewall, request, facts)
        if isinstance(considered, Refused):
            flow.response = response_of(considered.reply)
            return None
        strip_own_headers(flow, came)
        if isinstance(considered, Admission):
            verdict = admit_at_once(considered)
            if verdict is None:
                return self._admit(flow, considered, began)
            self._go(flow, considered, verdict, began)
        elif isinstance(considered, Upload):
            return self._look_at(flow, considered)
        elif isinstance(considered, Deferred):
            self.in_flight.add(Passage(flow, considered))
        return None

    async def _look_at(self, flow: http.HTTPFlow, upload: Upload) -> None:
        await read(upload)
        self.in_flight.add(Passage(flow, upload))

    async def _admit(self, flow: http.HTTPFlow, admission: Admission, began: float) -> None:
        verdict = await admit(admission, client_left=lambda: has_left(flow))
        if isinstance(verdict, Refused):
            logger.info("LLMCap refused: %s", verdict.refusal.message)
            flow.response = response_of(verdict.reply)
        else:
            self._go(flow, admission, verdict, began)

    def _go(
        self, flow: http.HTTPFlow, admission: Admission, call: CallInFlight, began: float
    ) -> None:
        self.in_flight.add(Passage(flow, call))
        if admission.ask.stream:  # what was seen of it is counted while it runs
            call.shared.counter.prepare()
        send_as(flow, path=call.path, body=call.body)
        if not admission.signed:
            ask_for_identity(flow)
        took = time.perf_counter() - began - admission.waited.total_seconds()
        call.shared.gauges.took(OVERHEAD, max(took, 0))

    def _misdirected(self, flow: http.HTTPFlow, hosts: list[str]) -> None:
        """Its names are those of several providers' hosts: nobody can say whose price it has."""
        assert self.firewall is not None
        provider = provider_of(hosts[0])
        assert provider is not None, hosts
        text = (
            f"LLMCap did not send this request: its connection is for {hosts[0]}, and it names "
            f"{hosts[1]} too, so that nobody can say what it costs. Send it on a connection of its "
            "own."
        )
        self.firewall.note_refusal(provider, flow.request.path, f"names {' and '.join(hosts)}")
        refusal = Refusal(reason="misdirected", message=text)
        agent = flow.request.headers.get("user-agent", "")
        reply = refuse(refusal, dialect=provider.dialect, user_agent=agent)
        flow.response = response_of(replace(reply, status=MISDIRECTED))

    def changed(self, flow: http.HTTPFlow) -> None:
        """It is not what was decided about any more: end what was held, and answer."""
        self.ended(flow, "changed after it was decided about")
        self.closed(flow.request.pretty_host, "a request that was changed after it was decided")
        provider = provider_of(provider_host(flow) or "")
        reply = refuse(
            Refusal(reason="changed", message=CHANGED),
            dialect=provider.dialect if provider else "openai",
            user_agent=flow.request.headers.get("user-agent", ""),
        )
        flow.response = response_of(reply)

    # --- the answer ---------------------------------------------------------------------------

    def begin(self, flow: http.HTTPFlow, status: int, headers: Fields) -> Watch | None:
        """Begin to meter."""
        passage = self.in_flight.get(flow.id)
        if passage is None:
            return None
        try:
            return passage.begin(status, headers)
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the client has its answer
            passage.fail(error)
            return None

    def whole(self, flow: http.HTTPFlow) -> Work:
        """Settle what has come to its end."""
        passage = self.in_flight.get(flow.id)
        if passage is None:
            return None
        passage.whole()
        work = self.late()
        return None if work is None else _told_late(passage, work)

    def late(self) -> Work:
        """Settlements that met the write lock of another process."""
        if self.firewall is None or not self.firewall.shared.late:
            return None
        return caught_up(self.firewall.shared)

    def over(self, flow: http.HTTPFlow) -> None:
        """Nothing comes any more, or frames do."""
        self.upgrades.answered(flow)
        self._end(flow.id, "nothing of its answer was seen")

    def ended(self, flow: http.HTTPFlow, reason: str) -> None:
        """A hang-up, a reset, a timeout, an answer of another addon's: settle what is known."""
        self.upgrades.broke(flow.id, reason)
        self._end(flow.id, reason)

    def _end(self, flow_id: str, reason: str) -> None:
        passage, sent = self.in_flight.take(flow_id)
        if passage is not None and not passage.finished:
            passage.broke(reason, sent=sent)

    # --- WebSockets and other connections -----------------------------------------------------

    def frame(self, flow: http.HTTPFlow) -> Work:
        """One frame of a session."""
        return self.upgrades.frame(flow)

    def hung_up(self, flow: http.HTTPFlow) -> None:
        """A session is closed."""
        self.upgrades.hung_up(flow)

    def closed(self, host: str, what: str) -> None:
        """Tell of something that was not let through, once for each host."""
        text = f"{what} to {host} cannot be metered: closed"
        if self.firewall is None:
            logger.warning("LLMCap: %s", text)
        else:
            self.firewall.shared.notify_once("unmetered", text, subject=text)

    async def client_gone(self, client_id: str) -> None:
        """A client's connection is closed: read on what it left, then leave nothing behind."""
        self.callers.gone(client_id)
        await leavers.parted(client_id, self.upgrades.of_client(client_id))
        self.upgrades.client_gone(client_id)
        if left := self.in_flight.of_client(client_id):
            # mitmproxy closes the connections to the providers when this returns.
            await leavers.parted(client_id, left)
            loop = asyncio.get_running_loop()
            loop.call_later(ABANDONED_AFTER_SECONDS, self._abandoned, client_id)

    def _abandoned(self, client_id: str) -> None:
        # A client that leaves while mitmproxy connects to the provider: nothing ever tells the end.
        for flow_id in self.in_flight.of_client(client_id):
            self._end(flow_id, "the client left before the provider was reached")

    def close(self) -> None:
        """The proxy ends: settle what is in flight."""
        self.upgrades.done()
        for passage, sent in self.in_flight.take_all():
            passage.broke("the proxy ended", sent=sent, ours=True)
        self.callers.close()

    # --- failures -----------------------------------------------------------------------------

    def failed(self, flow: http.HTTPFlow, error: BaseException) -> None:
        """What `guarded` does instead of letting the call go: refuse, unless told otherwise."""
        if provider_host(flow) is None:
            logger.error("LLMCap: %s", error, exc_info=error)
            return
        firewall = self.firewall
        if firewall is not None and fails_open(firewall.policy, error):
            logger.error("LLMCap failed open, this call is not metered: %s", error)
            return
        passage, _ = self.in_flight.take(flow.id)
        flow.response = response_of(self._failure(flow, passage, error))

    def _failure(self, flow: http.HTTPFlow, passage: Passage | None, error: BaseException) -> Reply:
        """Release what was held, note the refusal in the ledger, and answer the client."""
        expected = isinstance(error, LLMCapError)
        if not expected:
            logger.error("LLMCap failed and refused a call", exc_info=error)
        detail = str(error) if expected else f"{type(error).__name__}: {error}"
        message = f"LLMCap refused this call because it could not account for it: {detail}"
        provider = provider_of(provider_host(flow) or "")
        if passage is not None and isinstance(passage.call, CallInFlight):
            passage.broke(detail, sent=False)
        elif self.firewall is not None and provider is not None:
            with contextlib.suppress(Exception):  # a missing row is no reason to forward the call
                self.firewall.note_refusal(provider, flow.request.path, detail)
        return refuse(
            Refusal(reason=_reason_of(error), message=message),
            dialect=provider.dialect if provider else "openai",
            user_agent=flow.request.headers.get("user-agent", ""),
        )


def _reason_of(error: BaseException) -> str:
    """What a refusal calls an error that kept a call from being accounted for."""
    if isinstance(error, FormatError):
        return "unreadable_request"
    return "ledger_error" if isinstance(error, LLMCapError) else "internal_error"


async def _told_late(passage: Passage, work: Awaitable[None]) -> None:
    await work
    passage.tell_cost()


def has_left(flow: http.HTTPFlow) -> bool:
    """Whether nobody waits for the answer; what mitmproxy replays has a client of long ago."""
    return flow.is_replay is None and not flow.client_conn.connected
