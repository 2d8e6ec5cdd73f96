"""
The mitmproxy shell: what mitmproxy loads. What a call may do is decided in `firewall`.

mitmproxy calls the addons of its scripts one after the other, and one that raises keeps those
behind it from being called. So what is loaded puts a second addon at the end of mitmproxy's own
list, which no script can keep from being called; and what decides is no hook at all: see `keeper`.
"""

import asyncio
import contextlib
import gc
import os
import signal

from mitmproxy import ctx, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.modes import Socks5AuthData
from mitmproxy.proxy.mode_specs import ReverseMode

from llmcap.assembly import Settings, open_firewall, settings_from
from llmcap.budgets.budget import describe
from llmcap.providers import provider_of
from llmcap.shell import attended, closing, keeper, options, raw
from llmcap.shell.callers import Callers
from llmcap.shell.calls import Calls
from llmcap.shell.destinations import without_root
from llmcap.shell.hooks import hearers
from llmcap.shell.listeners import let_bursts_wait
from llmcap.shell.ownname import OwnName
from llmcap.shell.ownports import OwnPorts
from llmcap.shell.parting import halves
from llmcap.shell.strangers import Strangers
from llmcap.shell.unloaded import Unloaded
from llmcap.walk.attributes import Facts
from llmcap.walk.firewall import Firewall
from llmcap.walk.patience import caught_up
from llmcap.words.errors import LedgerBusy, LLMCapError
from llmcap.words.told import Log

logger = Log(__name__)

# How often late settlements are tried again and holds of dead processes are looked for.
HOUSEKEEPING_SECONDS = 1

NOBODY = Facts()


class LLMCap:
    """
    The addon. One per process; `load` declares its options, `configure` checks them.

    A program that runs the proxy itself may give it a `firewall`, which the options then do not
    replace, the `facts` that hold for every client of this proxy, and who signs what leaves.
    """

    def __init__(
        self,
        firewall: Firewall | None = None,
        *,
        facts: Facts = NOBODY,
        sign: keeper.Sign | None = None,
    ) -> None:
        self.shell = Shell(firewall, facts=facts, sign=sign)

    @property
    def firewall(self) -> Firewall | None:
        """The firewall, once it is opened."""
        return self.shell.calls.firewall

    @property
    def in_flight(self) -> int:
        """How many exchanges are metered now."""
        return len(self.shell.calls.in_flight)

    def load(self, loader: Loader) -> None:
        """Declare the options; stand behind all addons, in the place of an LLMCap before us."""
        options.declare(loader)
        before = ctx.master.addons.get(Shell.name)
        if before is not None:
            ctx.master.addons.remove(before)
        ctx.master.addons.add(self.shell)

    def configure(self, updated: set[str]) -> None:
        """Check everything that can be checked, and open the ledger."""
        self.shell.configure(updated)

    def running(self) -> None:
        """Say what is capped, and begin the housekeeping."""
        self.shell.running()

    def done(self) -> None:
        """Settle what is in flight; nothing goes to a provider from then on."""
        self.shell.done()


# Of `keys` in the config of a mitmdump: it starts no program that could have a stand-in.
UNSWAPPED = (
    "`keys` has no effect here: it is for the commands of `llmcap run`, and of --through-up behind "
    "`llmcap up`; programs that use this proxy send the keys that they have"
)


class Shell:
    """
    The addon behind all others. Its hooks are called a second time where LLMCap's own are.

    When LLMCap is unloaded it stays: it tunnels other hosts as ever, and lets nothing pass to a
    provider.
    """

    name = "llmcap-shell"

    def __init__(
        self, firewall: Firewall | None, *, facts: Facts, sign: keeper.Sign | None
    ) -> None:
        self.calls = Calls(Callers(facts), sign)
        self.calls.firewall = firewall
        self._given = firewall is not None
        self._settings: Settings | None = None
        self._housekeeping: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._warned: set[str] = set()
        # mitmproxy hands them the hooks too.
        self.addons = [OwnPorts(), OwnName(), Strangers(lambda: self.calls.firewall)]

    # --- life ---------------------------------------------------------------------------------

    def load(self, _: Loader) -> None:
        """Put our streams in the place of mitmproxy's."""
        attended.install()
        halves.install()
        closing.install()
        raw.install()
        hearers.install(ctx.master.addons)
        keeper.attend(self.calls)

    def configure(self, updated: set[str]) -> None:
        """Check everything that can be checked, and open the ledger."""
        options.refuse_dangerous()
        if self._housekeeping is not None:
            self._warn()
        calls = self.calls
        if self._given or (calls.firewall is not None and not options.NAMES & updated):
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
            # mitmproxy prints the traceback of this with all that led to it.
            raise OptionsError(f"LLMCap: {error}") from None
        if calls.firewall is not None:
            calls.firewall.close()
        calls.firewall, self._settings = opened, settings
        if self._housekeeping is not None:
            self._attend_late(opened)
        options.refuse_dangerous()  # the config may name hosts of its own

    def running(self) -> None:
        """Say what is capped, and begin the housekeeping."""
        if self._housekeeping is not None:
            return
        firewall = self.calls.firewall
        assert firewall is not None
        for line in summary(firewall):
            logger.info(line)
        if firewall.policy.keys and not self._given:
            logger.warning("LLMCap: %s", UNSWAPPED)
        self._warn()
        # What is there by now stays, and to look through all of it for garbage, again and again,
        # is what the event loop stood still for longest: some 80 ms.
        gc.collect()
        gc.freeze()
        let_bursts_wait()
        self._attend_late(firewall)
        if not any(os.isatty(descriptor) for descriptor in range(3)):
            # With a terminal, SIGHUP means that it was closed, and ends mitmproxy. Nor do we take
            # it where another thread has the signals, as under `llmcap run`.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGHUP, firewall.reread)
        self._housekeeping = asyncio.create_task(self._keep_house())

    def done(self) -> None:
        """Settle what is in flight, close the ledger; refuse from then on if the proxy goes on."""
        if keeper.keeper() is self.calls:
            keeper.attend(Unloaded())
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self.calls.close()
        if self._catching_up is not None:
            self._catching_up.cancel()
        if self.calls.firewall is not None:
            self.calls.firewall.close()
            self.calls.firewall = None

    def _warn(self) -> None:
        """Tell what should be known about the options, each thing once."""
        for text in options.warnings():
            if text not in self._warned:
                self._warned.add(text)
                logger.warning("LLMCap: %s", text)

    def _attend_late(self, firewall: Firewall) -> None:
        """Settlements that met another process at the ledger are tried again at once."""

        def wake() -> None:
            if self._catching_up is None or self._catching_up.done():
                self._catching_up = asyncio.ensure_future(caught_up(firewall.shared))

        firewall.shared.late.wake = wake

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            firewall = self.calls.firewall
            if firewall is None:
                return
            try:
                firewall.keep_house()
            except LedgerBusy:
                logger.debug("LLMCap: the ledger is busy: housekeeping goes on in a second")
            except LLMCapError as error:
                logger.warning("LLMCap: %s", error)
            except Exception:
                logger.exception("LLMCap: housekeeping failed")

    # --- connections --------------------------------------------------------------------------

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Tunnel, undecrypted, whatever goes to a host that is no provider."""
        context = data.context
        without_root(context)
        if isinstance(context.client.proxy_mode, ReverseMode):
            return
        address = context.server.address
        names = [data.client_hello.sni or "", address[0] if address else ""]
        if not any(provider_of(name) for name in names):
            data.ignore_connection = True

    def next_layer(self, data: NextLayer) -> None:
        """Let no beginning of a request be taken for something else."""
        raw.put_off(data)

    def socks5_auth(self, data: Socks5AuthData) -> None:
        """Remember the user of the connection: it names a project."""
        if data.valid:
            self.calls.callers.greeted(data.client_conn.id, data.username)

    async def client_disconnected(self, client: Client) -> None:
        """Forget the connection, once its calls were read on, and what it left behind."""
        await self.calls.client_gone(client.id)

    async def llmcap_waits(self, waiting: keeper.Waiting) -> None:
        """Wait for a stream of ours."""
        await waiting.work


def summary(firewall: Firewall) -> list[str]:
    """What is in force, a line each."""
    budgets = firewall.policy.budgets
    if not budgets:
        how = "set one with --set llmcap_cap=5/day or LLMCAP_CAP"
        return [f"LLMCap meters, but caps nothing: there is no budget; {how}."]
    return [f"LLMCap caps: {describe(budget)}" for budget in budgets]


def notify(kind: str, message: str) -> None:
    """Events go to mitmproxy's log."""
    logger.warning("LLMCap: %s: %s", kind, message)
