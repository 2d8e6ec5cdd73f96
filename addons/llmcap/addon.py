"""
The mitmproxy shell: hooks in, effects out. What a call may do is decided in `firewall`.

mitmproxy forwards a call whose hook raised, so every hook that decides stands behind `guarded`,
which refuses instead. Calls in flight are kept by `flow.id` and dropped on every ending: `response`
or `error`, of which mitmproxy fires exactly one.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

from mitmproxy import ctx, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.mode_specs import ReverseMode

from llmcap import cut
from llmcap.admission import Admission
from llmcap.assembly import Settings, open_firewall, settings_from
from llmcap.attributes import Facts
from llmcap.budget import describe
from llmcap.deferred import Deferred
from llmcap.errors import LLMCapError
from llmcap.firewall import Firewall
from llmcap.flight import CallInFlight
from llmcap.patience import admit, admit_at_once, read
from llmcap.providers import provider_of
from llmcap.replies import Refusal, Reply, refuse
from llmcap.shell import options, unloaded
from llmcap.shell.callers import Callers
from llmcap.shell.flows import (  # fmt: skip
    add_headers,
    ask_for_identity,
    end_grpc,
    headers_of,
    must_stream,
    provider_host,
    proxy_user,
    request_of,
    response_of,
    send_as,
    strip_own_headers,
    unfix_length,
)
from llmcap.shell.guarded import Work, guarded
from llmcap.shell.kept import InFlight, Kept
from llmcap.shell.ownports import OwnPorts
from llmcap.shell.strangers import Strangers
from llmcap.shell.upgrades import Upgrades
from llmcap.uploads import Upload
from llmcap.walk.answers import Refused
from llmcap.words.told import Log

logger = Log(__name__)

# How often late settlements are tried again and holds of dead processes are looked for.
HOUSEKEEPING_SECONDS = 1

# After a client's connection is closed, its calls have ended in every regular way within this time.
ABANDONED_AFTER_SECONDS = 2

NOBODY = Facts()


class LLMCap:
    """
    The addon. One per process; `load` declares its options, `configure` checks them.

    A program that runs the proxy itself may give it a `firewall`, which the options then do not
    replace, and the `facts` that hold for every client of this proxy.
    """

    def __init__(self, firewall: Firewall | None = None, *, facts: Facts = NOBODY) -> None:
        self.firewall = firewall
        self._given = firewall is not None
        self._callers = Callers(facts)
        self._settings: Settings | None = None
        self._in_flight = InFlight()
        self._housekeeping: asyncio.Task[None] | None = None
        self._upgrades = Upgrades()
        strangers = Strangers(lambda: self.firewall)
        self.addons = [self._upgrades, OwnPorts(), strangers]  # mitmproxy hands them the hooks too

    # --- life ---------------------------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        options.declare(loader)
        cut.install()
        unloaded.step_back()

    def configure(self, updated: set[str]) -> None:
        """Check everything that can be checked, and open the ledger."""
        options.refuse_dangerous()
        if self._given:
            return
        if self.firewall is not None and not options.NAMES & updated:
            return
        try:
            settings = settings_from(
                cap=ctx.options.llmcap_cap,
                config=ctx.options.llmcap_config,
                ledger=ctx.options.llmcap_ledger,
            )
            if settings == self._settings:
                return
            opened = open_firewall(settings, notify=notify)
        except LLMCapError as error:
            raise OptionsError(f"LLMCap: {error}") from error
        if self.firewall is not None:
            self.firewall.close()
        self.firewall, self._settings = opened, settings

    def running(self) -> None:
        """Say what is capped, and begin the housekeeping."""
        assert self.firewall is not None
        for line in self.firewall_summary():
            logger.info(line)
        if options.listens_to_all():
            logger.warning(
                "LLMCap: the proxy listens on all interfaces, anyone who reaches it can spend your "
                "budget: add --listen-host 127.0.0.1"
            )
        # Not where another thread has the signals, as under `llmcap run`.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.firewall.reread)
        self._housekeeping = asyncio.create_task(self._keep_house())

    def done(self) -> None:
        """Settle what is in flight, close the ledger; refuse from then on if the proxy goes on."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self._upgrades.done()
        for call, sent in self._in_flight.take_all():
            self._broke(call, "the proxy ended", sent=sent)
        if self.firewall is not None:
            self.firewall.close()
            self.firewall = None
        self._callers.close()
        unloaded.stand_in()

    def firewall_summary(self) -> list[str]:
        """What is in force, a line each."""
        assert self.firewall is not None
        budgets = self.firewall.policy.budgets
        if not budgets:
            how = "set one with --set llmcap_cap=5/day or LLMCAP_CAP"
            return [f"LLMCap meters, but caps nothing: there is no budget; {how}."]
        return [f"LLMCap caps: {describe(budget)}" for budget in budgets]

    # --- connections --------------------------------------------------------------------------

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Tunnel, undecrypted, whatever goes to a host that is no provider."""
        context = data.context
        if isinstance(context.client.proxy_mode, ReverseMode):
            return
        address = context.server.address
        names = [data.client_hello.sni or "", address[0] if address else ""]
        if not any(provider_of(name) for name in names):
            data.ignore_connection = True

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Remember the proxy user of the connection: it names a project."""
        user = proxy_user(flow.request.headers.pop("proxy-authorization", ""))
        self._callers.greeted(flow.client_conn.id, user)

    async def client_disconnected(self, client: Client) -> None:
        """Forget the connection, once its calls were read on, and what it left behind."""
        self._callers.gone(client.id)
        if left := self._in_flight.of_client(client.id):
            # mitmproxy closes the connections to the providers when this hook returns.
            await cut.lingered(left)
            loop = asyncio.get_running_loop()
            loop.call_later(ABANDONED_AFTER_SECONDS, self._abandoned, client.id)

    def _abandoned(self, client_id: str) -> None:
        # A client that leaves while mitmproxy connects to the provider: no hook ever tells the end.
        for flow_id in self._in_flight.of_client(client_id):
            self._ended(flow_id, "the client left before the provider was reached")

    # --- one call -----------------------------------------------------------------------------

    @guarded
    def request(self, flow: http.HTTPFlow) -> Work:
        """Admit, refuse, or leave alone; at once, where nothing has to be waited for."""
        host = provider_host(flow)
        if host is None or flow.response or flow.error:
            return None
        if self.firewall is None:
            raise LLMCapError("LLMCap is not ready")
        client = flow.client_conn
        facts = self._callers.facts(
            client.id,
            client.peername[:2],
            client.sockname[:2],
            user=proxy_user(flow.request.headers.get("proxy-authorization", "")),
            policy=self.firewall.policy,
        )
        if isinstance(facts, Facts):
            return self._considered(flow, host, facts)
        return self._identified(flow, host, facts)

    async def _identified(self, flow: http.HTTPFlow, host: str, facts: Awaitable[Facts]) -> None:
        work = self._considered(flow, host, await facts)
        if work is not None:
            await work

    def _considered(self, flow: http.HTTPFlow, host: str, facts: Facts) -> Work:
        assert self.firewall is not None
        request = request_of(flow, host, program=facts.program)
        considered = self._upgrades.consider(flow, self.firewall, request, facts)
        if isinstance(considered, Admission):
            verdict = admit_at_once(considered)
            if verdict is None:
                return self._admit(flow, considered)
            self._go(flow, considered, verdict)
        elif isinstance(considered, Refused):
            flow.response = response_of(considered.reply)
        elif isinstance(considered, Upload):
            return self._look_at(flow, considered)
        else:
            strip_own_headers(flow)
            if isinstance(considered, Deferred):
                self._in_flight.add(flow.id, considered, flow.client_conn.id)
        return None

    async def _look_at(self, flow: http.HTTPFlow, upload: Upload) -> None:
        await read(upload)
        strip_own_headers(flow)
        self._in_flight.add(flow.id, upload, flow.client_conn.id)

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Begin to meter."""
        call = self._in_flight.get(flow.id)
        response = flow.response
        if call is None or response is None:
            return
        if cut.was_answered_here(flow.id):
            self._ended(flow.id, "another addon answered")
            return
        headers = headers_of(response)
        if isinstance(call, Deferred):
            call.responded(response.status_code, headers)
            response.stream = self._watch(flow, call)
            return
        streams = must_stream(headers, response.status_code)
        call.responded(response.status_code, headers, streams=streams)
        if streams:
            add_headers(response, call.headers())
            if call.alters_stream:
                unfix_length(flow)
            response.stream = self._watch(flow, call)

    def response(self, flow: http.HTTPFlow) -> None:
        """The exchange is whole: settle, and say the cost in a header where there is still time."""
        call, _ = self._in_flight.take(flow.id)
        if call is None or flow.response is None:
            return
        try:
            if flow.response.stream:
                call.finish()  # again, but for an answer without a body: no piece told its end
            else:
                call.feed(flow.response.raw_content or b"")
                call.finish()
                if isinstance(call, CallInFlight):
                    add_headers(flow.response, call.headers())
        except Exception as error:  # noqa: BLE001 - the answer passes, at the price of its hold
            self._metering_failed(call, error)

    def error(self, flow: http.HTTPFlow) -> None:
        """A hang-up, a reset, a timeout: settle what is known."""
        self._ended(flow.id, flow.error.msg if flow.error else "the exchange broke off")

    def _ended(self, flow_id: str, reason: str) -> None:
        """The exchange is over without a whole response."""
        call, sent = self._in_flight.take(flow_id)
        self._broke(call, reason, sent=sent)

    def _broke(self, call: Kept | None, reason: str, *, sent: bool) -> None:
        if isinstance(call, CallInFlight):
            try:
                call.broke(reason, sent=sent)
            except Exception as error:  # noqa: BLE001 - other calls must be settled too
                self._metering_failed(call, error)

    # --- admission ----------------------------------------------------------------------------

    async def _admit(self, flow: http.HTTPFlow, admission: Admission) -> None:
        verdict = await admit(admission, client_left=lambda: not flow.client_conn.connected)
        if isinstance(verdict, Refused):
            logger.info("LLMCap refused: %s", verdict.refusal.message)
            flow.response = response_of(verdict.reply)
        else:
            self._go(flow, admission, verdict)

    def _go(self, flow: http.HTTPFlow, admission: Admission, call: CallInFlight) -> None:
        self._in_flight.add(flow.id, call, flow.client_conn.id)
        strip_own_headers(flow)
        send_as(flow, path=call.path, body=call.body)
        if not admission.signed:
            ask_for_identity(flow)

    # --- metering -----------------------------------------------------------------------------

    def _watch(self, flow: http.HTTPFlow, call: Kept) -> Callable[[bytes], bytes | list[bytes]]:
        """
        The stream callable of a flow. It never raises: mitmproxy would drop the chunk.

        Bytes that are swallowed are answered with `[]`: an empty chunk would end the response.
        """

        def watch(data: bytes) -> bytes | list[bytes]:
            try:
                if data == b"":
                    rest = call.finish()
                    return [rest] if rest else b""
                passed = call.feed(data)
                if isinstance(call, CallInFlight) and call.cut:
                    cut.cut(flow.id)
                    end_grpc(flow, call.cut_refusal())
            except Exception as error:  # noqa: BLE001 - likewise
                self._metering_failed(call, error)
                return data
            return passed or []

        return watch

    def _metering_failed(self, call: Kept, error: Exception) -> None:
        """A mistake of ours while metering: the answer passes, and costs all that was held."""
        logger.error("LLMCap cannot meter a response", exc_info=error)
        if isinstance(call, CallInFlight):
            try:
                call.give_up(f"internal error while metering: {type(error).__name__}: {error}")
            except Exception:
                logger.exception("LLMCap cannot settle a call: its hold stays until the proxy ends")

    def hook_failed(self, flow: http.HTTPFlow, error: Exception) -> None:
        """What `guarded` does instead of letting mitmproxy forward the call."""
        call = self._in_flight.get(flow.id)
        if call is not None and cut.was_sent(flow.id):
            self._metering_failed(call, error)
            return
        if provider_host(flow) is None:
            logger.error("LLMCap: %s", error, exc_info=error)
            return
        firewall = self.firewall
        if firewall is not None and firewall.policy.fail_open:
            logger.error("LLMCap failed open, this call is not metered: %s", error)
            return
        self._in_flight.take(flow.id)
        flow.response = response_of(self._failure(flow, call, error))

    def _failure(self, flow: http.HTTPFlow, call: Kept | None, error: Exception) -> Reply:
        """Release what was held, note the refusal in the ledger, and answer the client."""
        expected = isinstance(error, LLMCapError)
        if not expected:
            logger.error("LLMCap failed and refused a call", exc_info=error)
        detail = str(error) if expected else f"{type(error).__name__}: {error}"
        message = f"LLMCap refused this call because it could not account for it: {detail}"
        provider = provider_of(provider_host(flow) or "")
        if isinstance(call, CallInFlight):
            call.broke(detail, sent=False)
        elif self.firewall is not None and provider is not None:
            with contextlib.suppress(Exception):  # a missing row is no reason to forward the call
                self.firewall.note_refusal(provider, flow.request.path, detail)
        reason = "ledger_error" if expected else "internal_error"
        return refuse(
            Refusal(reason=reason, message=message),
            dialect=provider.dialect if provider else "openai",
            user_agent=flow.request.headers.get("user-agent", ""),
        )

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            firewall = self.firewall
            if firewall is None:
                return
            try:
                firewall.keep_house()
            except LLMCapError as error:
                logger.warning("LLMCap: %s", error)
            except Exception:
                logger.exception("LLMCap: housekeeping failed")


def notify(kind: str, message: str) -> None:
    """Events go to mitmproxy's log."""
    logger.warning("LLMCap: %s: %s", kind, message)
