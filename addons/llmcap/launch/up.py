"""
The proxy of `llmcap up`, in the foreground: for all programs of a user, until somebody ends it.

The same master, authority and ledger as `llmcap run` has; the budgets are those of the config and
`--cap`. SIGHUP makes it read its config again, as a changed file does.
"""

import contextlib
import logging
import logging.handlers
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from llmcap.assembly import Settings, firewall_for, policy_of
from llmcap.budgets.budget import describe
from llmcap.confine.gate import Gates
from llmcap.confine.handover import Desk, Lent
from llmcap.keys.aws import Aws, Told
from llmcap.keys.sigv4 import Credentials
from llmcap.keys.swap import Key, Keys
from llmcap.launch import environment, standing
from llmcap.launch.behind import prepare, provider_domains
from llmcap.launch.notes import LOGGERS
from llmcap.launch.pageprocess import PageProcess, page_beside
from llmcap.launch.proxythread import ProxyThread
from llmcap.launch.setup import Setup
from llmcap.launch.tally import left_document
from llmcap.ledger import history, rollups
from llmcap.walk.firewall import Firewall
from llmcap.words.errors import ConfigError, LedgerError
from llmcap.words.paths import make_folder
from llmcap.words.records import Policy
from llmcap.words.told import Log

LOG_BYTES_MAX = 1_000_000
LOG_FILES = 2

NO_PAGE = -1

# How long calls in flight have to come to their end, when it is to end; then they are settled.
DRAIN_SECONDS = 8

logger = Log("llmcap.launch.up")


def serve(
    settings: Settings,
    *,
    port: int,
    host: str = standing.LOOPBACK,
    environ: Mapping[str, str] = os.environ,
    log: Path | None,
    tell: Callable[[str], None],
    page_port: int | None = NO_PAGE,
) -> None:
    """
    Serve until SIGTERM, SIGINT or the end of its terminal. Raises `LLMCapError`.

    The page is served beside: at its port, 0 for any that is free, None for the usual one.
    """
    policy = policy_of(settings)
    place = prepare(environ)
    set_up_log(log)
    listener = standing.bind(port, host)
    setup = Setup(confdir=place.confdir, roots=place.roots, upstream=upstream_of(environ))
    ended = threading.Event()
    firewalls: list[Firewall] = []
    pages: list[PageProcess] = []
    keys = Keys([])
    make_addons = addon_maker(policy, settings, opened=firewalls.append, pages=pages, keys=keys)
    proxy = ProxyThread(
        setup, listener, make_addons, when_over=ended.set, drain_seconds=DRAIN_SECONDS
    )
    terminals = terminals_of_ours()

    def hung_up(*_: object) -> None:
        if terminals and not terminals_of_ours():
            ended.set()
        for firewall in firewalls:
            firewall.reread()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    signal.signal(signal.SIGHUP, hung_up)
    proxy.start()
    with contextlib.ExitStack() as beside:
        # It is told of until the proxy has ended, as who stops it waits for that.
        told = beside.enter_context(contextlib.ExitStack())
        beside.callback(proxy.stop)
        proxy.wait_ready()
        if page_port != NO_PAGE:
            pages += start_page(beside, settings.ledger, page_port, policy.treasury)
        told.enter_context(
            standing.announced(
                listener,
                ledger=settings.ledger,
                hosts=place.hosts,
                environ=environ,
                page=pages[0].port if pages else 0,
            )
        )
        if sys.platform == "linux":
            beside.enter_context(desk(environ, proxy.gates, keys))
        for line in in_force(policy, proxy.url):
            tell(line)
        ended.wait()
    proxy.check()


def desk(environ: Mapping[str, str], gates: Gates, keys: Keys) -> Desk:
    """Where confined commands come to, with keys that are swapped as long as each of them runs."""
    return Desk(standing.folder(environ), gates, partial(lend, keys), partial(renew, keys))


def lend(keys: Keys, lent: Sequence[Lent]) -> Callable[[], None]:
    """Swap these keys too; what it gives takes them back."""
    signers = [
        Aws(each.provider, Told(Credentials.of(each.real)), Credentials.of(each.stand_in))
        for each in lent
        if each.signs
    ]
    plain = [Key(each.provider, each.real, each.stand_in) for each in lent if not each.signs]
    return keys.lend(plain, signers)


def renew(keys: Keys, lent: Sequence[Lent]) -> None:
    """Sign with these from now on, where the stand-in is known."""
    for each in lent:
        signer = keys.signer(Credentials.of(each.stand_in).access_key)
        if signer is not None:
            signer.replace(Told(Credentials.of(each.real)))


def start_page(
    beside: contextlib.ExitStack, ledger: str, port: int | None, treasury: str = ""
) -> list[PageProcess]:
    """
    The page's process, until `beside` ends; none where it does not start and no port was named.

    A proxy is there to stop calls: that nobody sees it do so is told, and is no reason to end it.
    """
    try:
        return [beside.enter_context(page_beside(ledger, port=port, treasury=treasury))]
    except ConfigError as error:
        if port is not None:
            raise
        logger.warning("LLMCap: there is no page: %s", error)
        return []


def terminals_of_ours() -> list[int]:
    """
    Standard input, output and error, as far as they are a terminal that is still there.

    SIGHUP from a window that was closed means the end; without one it asks to read the config.
    """
    return [descriptor for descriptor in range(3) if os.isatty(descriptor)]


def upstream_of(environ: Mapping[str, str]) -> str | None:
    """
    The proxy to send everything on to, never a proxy of ours.

    A shell that `llmcap env` has set up still names the proxy that is to be replaced now, and in
    another variable the one that it was chained to.
    """
    found = environment.upstream_proxy(environ)
    if found is not None and found == environ.get(environment.MARK):
        return environ.get(environment.UPSTREAM_MARK) or None
    return found


def addon_maker(
    policy: Policy,
    settings: Settings,
    *,
    opened: Callable[[Firewall], object],
    keys: Keys,
    pages: Sequence[PageProcess] = (),
) -> Callable[[], Callable[[], Sequence[object]]]:
    """What `ProxyThread` wants: first the firewall, and with it, later, the addon."""

    def note(kind: str, message: str) -> None:
        logger.warning("%s: %s", kind, message)

    def open_ledger() -> Callable[[], Sequence[object]]:
        firewall = firewall_for(policy, settings, notify=note)
        opened(firewall)
        firewall.chores.append(partial(tell_of_new_hosts, firewall, set(provider_domains())))

        def status() -> dict[str, Any]:
            # The budgets of now: the config may have been read again.
            rows = firewall.shared.first_balances(firewall.policy.budgets)
            return {"budgets": [left_document(*row) for row in rows]}

        def session(name: str) -> int | None:
            with contextlib.suppress(LedgerError), history.reading(settings.ledger) as db:
                return rollups.cost_of(db, "session", name)
            return None

        def addons() -> Sequence[object]:
            # They import mitmproxy.
            from llmcap.addon import LLMCap  # noqa: PLC0415
            from llmcap.launch.statuspage import ReadOnlyPage, StatusPage  # noqa: PLC0415
            from llmcap.shell.swapping import Swapping  # noqa: PLC0415

            page = ReadOnlyPage(lambda: pages[0] if pages else None)
            swapping = Swapping(keys)
            ours = LLMCap(firewall, sign=swapping.sign)
            return [swapping, page, StatusPage(status, session), ours]

        return addons

    return open_ledger


def tell_of_new_hosts(firewall: Firewall, known: set[str]) -> None:
    """A changed config may name hosts that the authority of this proxy cannot speak for: once."""
    if new := set(provider_domains()) - known:
        known |= new
        text = (
            f"programs will not trust this proxy for {', '.join(sorted(new))}, new in the config, "
            "until it is started again: `llmcap down`, `llmcap up`"
        )
        firewall.shared.notify("config_error", text, subject=text)


def in_force(policy: Policy, url: str) -> list[str]:
    """What to tell the user: where it listens and what it caps."""
    budgets = [f"  {describe(budget)}" for budget in policy.budgets]
    capped = budgets or ["  nothing: there is no budget; set one with --cap or in the config"]
    keys = [
        f"  keys of {provider}: put in for commands of `llmcap run --confine --through-up`, which "
        "have a stand-in; programs of `llmcap env` send what they have"
        for provider in policy.keys
    ]
    return [f"LLMCap listens at {url} and caps", *capped, *keys]


def set_up_log(path: Path | None) -> None:
    """What happens goes to a file that does not grow for ever, or to stderr; `ConfigError`."""
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        try:
            make_folder(path.parent)
            handler = logging.handlers.RotatingFileHandler(
                path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES, encoding="utf-8"
            )
        except OSError as error:
            raise ConfigError(f"{path}: the log cannot be written: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log_to(handler)


def log_to(handler: logging.Handler) -> None:
    """Let all that happens go there."""
    for name in LOGGERS:
        found = logging.getLogger(name)
        found.handlers[:] = [handler]
        found.propagate = False
        # mitmproxy tells every connection at INFO; that is time and space for nothing.
        found.setLevel(logging.INFO if name == "llmcap" else logging.WARNING)
