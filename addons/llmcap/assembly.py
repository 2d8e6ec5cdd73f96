"""
From options and environment to a firewall: every part is made here and given to the walk.

An option wins over its environment variable. Nothing of a setting that cannot be used is used.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from llmcap import config
from llmcap.config import files
from llmcap.ledger import Ledger, open_ledger, utc_now
from llmcap.ledger.belonging import check_alone
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.notices.alerts import Event
from llmcap.notices.courier import Courier
from llmcap.notices.events import WaitingCall, events_path
from llmcap.notices.feed import CallFeed
from llmcap.pricing.taken import Taken
from llmcap.providers import with_hosts
from llmcap.reconcile.scheduled import Bills
from llmcap.tariffs.adopted import Daily, Watch, adopt_if_changed, daily_prices
from llmcap.telemetry.exporter import Telemetry
from llmcap.telemetry.observed import observed
from llmcap.walk.firewall import Firewall
from llmcap.words.errors import ConfigError, LedgerError, LLMCapError
from llmcap.words.paths import SECRET_BYTES, default_ledger, put_private, secret_in
from llmcap.words.records import Policy
from llmcap.words.rules import BreakerKind, EventKind
from llmcap.words.told import Log

if TYPE_CHECKING:
    from llmcap.treasury.opening import Node

logger = Log(__name__)

# Budgets `every: run` count under this name: a new one for each start, unless a parent gives one.
RUN_ID = os.environ.get("LLMCAP_RUN_ID") or secrets.token_hex(8)

WAITING_SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, resolved: empty text means "not set"."""

    cap: str
    config: Path | None
    ledger: str  # a path, or ":memory:"
    met: bool = False  # the config was found in a checkout: nobody named it
    watch: bool = False  # all budgets only watch, whatever the config says
    group: int = 0  # of what processes this one is a worker; 0: it is a proxy by itself


def settings_from(
    *, cap: str, config: str, ledger: str, environ: Mapping[str, str] = os.environ
) -> Settings:
    """The options, each filled from its environment variable where it is empty."""
    found = files.find(config, environ=environ)
    return Settings(
        cap=cap or environ.get("LLMCAP_CAP", ""),
        config=found,
        met=found is not None and files.is_met(found, config, environ=environ),
        ledger=ledger or environ.get("LLMCAP_LEDGER", "") or str(default_ledger()),
    )


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings describe. Raises `ConfigError`, `MoneyError`, `PriceError`."""
    policy = _policy_of(settings)
    return config.watching(policy) if settings.watch else policy


def _policy_of(settings: Settings) -> Policy:
    policy = Policy()
    if settings.config is not None:
        policy = (
            files.load_met(settings.config)[0] if settings.met else config.load(settings.config)
        )
    with_hosts(policy.hosts)
    if not settings.cap:
        return policy
    try:
        return config.with_cap(policy, settings.cap)
    except ConfigError as error:
        raise ConfigError(f"the option cap: {error}") from error


def open_firewall(settings: Settings, *, notify: Callable[[str, str], None]) -> Firewall:
    """The firewall over an open ledger. Raises `LLMCapError`; then nothing is left open."""
    return firewall_for(policy_of(settings), settings, notify=notify)


def firewall_for(
    policy: Policy,
    settings: Settings,
    *,
    notify: Callable[[str, str], None],
    run_id: str = RUN_ID,
) -> Firewall:
    """`open_firewall` for a policy that is already there, such as one with budgets added to it."""
    watch = Watch()  # before the prices are read: what changes from here on is seen
    prices = config.book_of(policy)
    courier = Courier(events_path(settings.ledger), policy.alerts)
    source = None
    if settings.config is not None:
        source = files.Source(settings.config, policy, met=settings.met)
        tell_ignored(source, notify)
    own = open_ledger(
        settings.ledger, durability=policy.durability, patient=False, group=settings.group
    )
    node = None
    try:
        node = node_of(own, settings, policy)
        ledger = node.ledger if node else own
        ledger.define(policy.budgets, run_id=run_id)
        secret = fingerprint_secret(settings.ledger, of_fleet=node.desk.secret if node else b"")
        telemetry = Telemetry(policy.telemetry) if policy.telemetry else None
    except BaseException:
        (node.ledger if node else own).close()
        raise
    clock: Callable[[], datetime] = node.clock if node else utc_now
    if telemetry is not None:
        ledger = observed(ledger, telemetry.tell, clock=clock)
    firewall = Firewall(
        ledger=ledger,
        prices=prices,
        policy=policy,
        clock=clock,
        run_id=run_id,
        secret=secret,
        notify=notify,
        tell=teller(courier, notify),
    )
    if policy.alerts:
        courier.start()
    feed = CallFeed(settings.ledger)
    feed.direct(policy.alerts)
    firewall.farewells += [courier.close, feed.close]
    if telemetry is not None:
        firewall.farewells.append(telemetry.close)
    if node is not None:
        tell = partial(firewall.shared.notify, "treasury")
        firewall.chores.append(partial(node.tell, tell))
        courier.is_first = lambda event: node.announcer.is_first(event.key, event.quiet_until)
    _keep_prices(firewall, watch)
    _compare_bills(firewall, settings.ledger)
    firewall.chores.append(partial(exchange_breakers, firewall, courier))
    firewall.chores.append(partial(tell_of_work, firewall, courier))
    firewall.farewells.insert(0, partial(tell_of_work, firewall, courier))
    if source is not None:
        firewall.chores.append(
            partial(reread_if_changed, firewall, source, (courier, feed), watch=settings.watch)
        )
        firewall.reread = source.look_again
    return firewall


def node_of(ledger: Ledger, settings: Settings, policy: Policy) -> "Node | None":
    """The node of the policy's treasury that this ledger is; None where it names none."""
    assert isinstance(ledger, SqliteLedger), "there is no other kind"
    if not policy.treasury:
        check_alone(ledger.node(), settings.ledger)
        return None
    from llmcap.treasury.opening import open_node  # noqa: PLC0415 (1 MB, and most have none)

    return open_node(ledger, settings.ledger, policy)


def _keep_prices(firewall: Firewall, watch: Watch) -> None:
    """Adopt newer prices as they are taken, and take them each day where the config says so."""

    def notify(kind: str, text: str, subject: str) -> None:
        firewall.shared.notify(kind, text, subject=subject)

    def reprice(_: Taken | None) -> None:
        firewall.reprice(config.book_of(firewall.shared.policy))

    firewall.chores.append(partial(adopt_if_changed, watch, reprice, notify))
    daily: dict[tuple[str, ...], Daily] = {}

    def update() -> None:
        sources = firewall.shared.policy.price_updates
        if sources is not None:
            if sources not in daily:
                daily[sources] = daily_prices(sources, notify)
            daily[sources].look()

    def stop() -> None:
        for each in daily.values():
            each.stop()

    firewall.chores.append(update)
    firewall.farewells.append(stop)


def _compare_bills(firewall: Firewall, ledger: str) -> None:
    """Lay what providers billed beside the ledger, where and as often as the config says."""

    def notify(kind: str, text: str, subject: str) -> None:
        firewall.shared.notify(kind, text, subject=subject)

    bills = Bills(ledger, notify)
    firewall.chores.append(lambda: bills.look(firewall.shared.policy.reconcile))
    firewall.farewells.append(bills.stop)


def tell_ignored(source: files.Source, notify: Callable[[str, str], None]) -> None:
    """Say what of a config that was met in a checkout is not in force."""
    if source.ignored:
        text = (
            f"{source.path} lies in this checkout and is not trusted, so it can only make things "
            f"stricter; not in force: {', '.join(source.ignored)}. Read it, then say "
            "`llmcap config trust`"
        )
        notify("untrusted_config", text)


def teller(courier: Courier, notify: Callable[[str, str], None]) -> Callable[[Event], None]:
    """Events go to the courier; those that the walk has not noted itself go to the log too."""

    def tell(event: Event) -> None:
        if courier.tell(event) and event.kind in (EventKind.WARNING, EventKind.BREAKER):
            notify(str(event.kind), event.message)

    return tell


def exchange_breakers(firewall: Firewall, courier: Courier) -> None:
    """Let `llmcap breaker` see the breakers of this process, and close what it asked for."""
    breakers = firewall.guard.breakers
    if not breakers:
        return
    courier.start()
    for kind, value in courier.to_close():
        if closed := breakers.close(BreakerKind(kind) if kind else None, value):
            logger.info("LLMCap: %d breakers were closed by hand", closed)
    courier.show(firewall.guard.open_breakers())


def tell_of_work(firewall: Firewall, courier: Courier) -> None:
    """Let metrics and the page see what this process has counted, and who waits in it."""
    courier.add_gauges(firewall.shared.gauges.take())
    courier.show_waiting(
        [
            WaitingCall(
                since=place.call.at,
                provider=place.call.provider,
                model=place.call.model,
                project=place.call.attributes.get("project", ""),
                client=place.call.attributes.get("client", ""),
                budgets=tuple(sorted({name for name, _ in place.keys})),
            )
            for place in firewall.shared.line.places[:WAITING_SHOWN_MAX]
            if place.call is not None
        ]
    )


def reread_if_changed(
    firewall: Firewall,
    source: files.Source,
    tellers: Sequence[Courier | CallFeed],
    *,
    watch: bool = False,
) -> None:
    """Read the config again where it has changed. One that is wrong changes nothing, loudly."""
    if not source.changed():
        return
    before = firewall.policy.telemetry
    try:
        policy = config.watching(source.load()) if watch else source.load()
        with_hosts(policy.hosts)
        if policy.treasury != firewall.policy.treasury:
            raise ConfigError("`treasury` is another now: end the proxy and start it again")
        prices = config.book_of(policy)
        for teller in tellers:
            teller.direct(policy.alerts)
        firewall.adopt(policy, prices)
    except LedgerError as error:
        source.look_again()
        firewall.shared.notify("ledger_error", f"the changed config has to wait: {error}")
    except LLMCapError as error:
        text = f"the changed config is not used, the one before stays in force: {error}"
        firewall.shared.notify("config_error", text, subject=text)
    else:
        logger.info("LLMCap read %s again: it is in force", source.path)
        if policy.telemetry != before:
            logger.warning("LLMCap: the changed `telemetry` is in force after a new start")
        tell_ignored(source, lambda _, text: logger.warning("LLMCap: %s", text))


def fingerprint_secret(ledger: str, *, of_fleet: bytes = b"") -> bytes:
    """
    What keys become fingerprints under: a file beside the ledger, for its owner only.

    The secret of a fleet is put there, so that a key has one name on all of its nodes.
    """
    if ledger == ":memory:":
        return secrets.token_bytes(SECRET_BYTES)
    path = Path(ledger).with_suffix(".fingerprint-key")
    try:
        if of_fleet:
            put_private(path, of_fleet)
            return of_fleet
        return secret_in(path, lambda: secrets.token_bytes(SECRET_BYTES))
    except OSError as error:
        raise LedgerError(
            f"{path}: the key for fingerprints cannot be made or read: {error.strerror}\n"
            "hint: name a ledger in a folder that you may write to, with llmcap_ledger"
        ) from error
    except ValueError as error:
        raise LedgerError(
            f"{path}: this is no key for fingerprints: {error}\n"
            "hint: put back the file as it was, or remove it: another one is made, by which each "
            "API key is a new one to budgets, names and reports"
        ) from error
