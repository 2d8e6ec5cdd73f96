"""
Whether LLMCap can do its work on this machine, and for the command at hand: rows for people.

Each check yields rows: what is well, what is doubtful, what is broken, and the command that mends
it. Where mending is safe the row carries it, for `--fix`.
"""

import os
import re
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from llmcap.authority import ca
from llmcap.checkup import bypass, probe
from llmcap.checkup import node as nodes
from llmcap.checkup.confinement import confined_here
from llmcap.checkup.known import DANGEROUS, UNCAPPABLE
from llmcap.checkup.seen import Seen
from llmcap.config import load
from llmcap.launch import behind, environment, standing
from llmcap.ledger import open_ledger
from llmcap.pricing.files import find_folder, read_document
from llmcap.providers import provider_of, with_hosts
from llmcap.providers.unmetered import everyone, unmetered
from llmcap.words.counts import several
from llmcap.words.errors import ConfigError, LLMCapError
from llmcap.words.records import Policy
from llmcap.words.rules import HostPolicy

PRICES_DAYS_MAX = 60
CLOCK_SECONDS_MAX = 300
PROBE_SECONDS_MAX = 20

# Whose prices move most, and matter most.
WATCHED_PRICES = ("anthropic", "openai", "google")

# Variables that lead a tool to another address than the provider's.
_BASE_URL = re.compile(
    r"(\w+_)?(BASE_URL|API_BASE|API_HOST|API_ENDPOINT|ENDPOINT_URL)|\w+_UNIX_SOCKET"
)


class Status(StrEnum):
    """How it stands."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Row:
    """One finding."""

    status: Status
    check: str
    text: str
    mend: str = ""  # the command, or the move, that mends it
    fix: Callable[[], object] | None = None  # the same, done here


def examine(
    environ: Mapping[str, str],
    *,
    ledger: Path,
    config: Path | None = None,
    command: Sequence[str] = (),
    confine: bool = False,
) -> Iterator[Row]:
    """All checks, in the order in which their failures matter; the command is started, if any."""
    yield from config_file(config)
    yield from certificate(environ)
    yield from ledger_file(ledger)
    yield from clock(ledger)
    yield from prices(datetime.now(UTC).date())
    yield from variables(environ)
    yield from mitmproxy_options(Path.home() / ".mitmproxy" / "config.yaml")
    yield from standing_proxy(environ)
    yield from confinement(environ)
    yield from node(environ)
    yield from uncappable(environ)
    yield from direct(environ)
    if command:
        yield from probed(command, environ, confine=confine, config=config)


def config_file(path: Path | None) -> Iterator[Row]:
    """The config that a proxy started here would use. Its hosts are providers' from here on."""
    if path is None:
        yield Row(Status.OK, "config", "none: budgets come with --cap", "llmcap config init")
        return
    try:
        policy = load(path)
        with_hosts(policy.hosts)
    except ConfigError as error:
        yield Row(Status.FAIL, "config", str(error))
        return
    count = len(policy.budgets)
    yield Row(
        Status.OK if count else Status.WARN, "config",
        f"{path}: {several(count, 'budget')}" if count else
        f"{path} has no budget: it caps nothing",
    )  # fmt: skip
    if policy.unmetered_hosts in (HostPolicy.WARN, HostPolicy.PASS):
        yield Row(
            Status.WARN, "hosts",
            f"unmetered_hosts: {policy.unmetered_hosts} lets {len(everyone())} sellers of model "
            "calls pass that no budget counts", "llmcap providers --unmetered lists them",
        )  # fmt: skip


def certificate(environ: Mapping[str, str]) -> Iterator[Row]:
    """The authority: there, for the right hosts, and its key for nobody else."""
    folder = behind.authority_folder(environ)
    try:
        authority = ca.load(folder)
    except ConfigError as error:
        yield Row(Status.FAIL, "certificate", str(error), f"rm {folder / ca.KEY_FILE}")
        return
    if authority is None:
        yield Row(Status.OK, "certificate", "none yet: the first run makes one")
        return
    mode = stat.S_IMODE((folder / ca.KEY_FILE).stat().st_mode)
    if mode & 0o077:
        path = folder / ca.KEY_FILE
        yield Row(
            Status.FAIL, "certificate", f"others can read its key ({path} has mode {mode:o})",
            f"chmod 600 {path}", lambda: path.chmod(0o600),
        )  # fmt: skip
    elif authority.domains != ca.domains_of([*authority.domains, *behind.provider_hosts()]):
        yield Row(
            Status.WARN, "certificate", "LLMCap knows hosts that it is not for",
            "llmcap ca show", lambda: behind.authority(environ),
        )  # fmt: skip
    else:
        names = len(authority.domains)
        yield Row(
            Status.OK, "certificate",
            f"good until {authority.ends:%Y-%m-%d}, for {names} domains and nothing else",
        )  # fmt: skip


def ledger_file(path: Path) -> Iterator[Row]:
    """Whether spending can be recorded, and what is recorded adds up."""
    try:
        book = open_ledger(path)
        try:
            wrong = book.audit()
        finally:
            book.close()
    except LLMCapError as error:
        yield Row(Status.FAIL, "ledger", str(error), "name another with --ledger or LLMCAP_LEDGER")
        return
    for sentence in wrong:
        yield Row(Status.FAIL, "ledger", sentence, f"keep a copy of {path} and report this")
    if not wrong:
        yield Row(Status.OK, "ledger", f"{path}: writable, and every balance is its entries' sum")


def clock(ledger: Path, *, now: float | None = None) -> Iterator[Row]:
    """Windows turn by this clock: it must not be behind what was written before."""
    try:
        ahead = ledger.stat().st_mtime - (time.time() if now is None else now)
    except OSError:
        return
    if ahead > CLOCK_SECONDS_MAX:
        yield Row(
            Status.FAIL, "clock", f"it is {ahead:.0f} s behind the ledger's last entry",
            "set the clock: `timedatectl set-ntp true`",
        )  # fmt: skip
    else:
        yield Row(Status.OK, "clock", f"it is {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")


def prices(today: date) -> Iterator[Row]:
    """How long ago the book was compared with what providers publish."""
    folder = find_folder()
    for provider in WATCHED_PRICES:
        if not (folder / f"{provider}.yaml").is_file():
            continue
        checked = str(read_document(folder, provider).get("checked", ""))
        try:
            age = (today - date.fromisoformat(checked)).days
        except ValueError:
            yield Row(
                Status.WARN, "prices", f"{provider}: nobody wrote down when they were checked"
            )
            continue
        if age > PRICES_DAYS_MAX:
            yield Row(
                Status.WARN, "prices", f"{provider}: last checked {several(age, 'day')} ago",
                "pip install --upgrade llmcap-mitmproxy, or prices of your own in the config",
            )  # fmt: skip
        else:
            yield Row(Status.OK, "prices", f"{provider}: checked on {checked}")


def variables(environ: Mapping[str, str]) -> Iterator[Row]:
    """What this shell's variables do to a command."""
    try:
        upstream = environment.upstream_proxy(environ)
    except ConfigError as error:
        yield Row(Status.FAIL, "proxy", str(error))
        upstream = None
    if upstream:
        ours = upstream == environ.get(environment.MARK)
        host = urlsplit(upstream).hostname
        yield Row(Status.OK, "proxy", "this shell is set up for LLMCap" if ours else
                  f"{host} is set already: LLMCap sends its traffic on to it")  # fmt: skip
    for name, value in sorted(environ.items()):
        if not value or not _BASE_URL.fullmatch(name):
            continue
        host = urlsplit(value).hostname or value
        if provider_of(host) is None:
            seller = unmetered(host)
            sells = f" sells {seller.sells}, and" if seller else ""
            yield Row(
                Status.WARN, "address",
                f"{name} leads calls to {host}, which{sells} is not metered", f"unset {name}",
            )  # fmt: skip


def mitmproxy_options(config: Path) -> Iterator[Row]:
    """The user's own mitmproxy settings, which `mitmdump -s` reads; `run` and `up` do not."""
    try:
        lines = config.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        name, colon, value = line.partition(":")
        reason = DANGEROUS.get(name.strip())
        value = value.partition("#")[0].strip()
        empty = value in {"", "[]", "null", "false"}
        harmless = not empty if name.strip() == "block_global" else empty
        if colon and reason and not harmless:
            yield Row(
                Status.WARN, "mitmproxy", f"{config}: {name.strip()} {reason}",
                "remove that line, or use `llmcap up` in the place of `mitmdump -s`",
            )  # fmt: skip


def standing_proxy(environ: Mapping[str, str]) -> Iterator[Row]:
    """Whether one is up, and whether this shell names one that is not."""
    found = standing.find(environ)
    if found:
        yield Row(Status.OK, "llmcap up", f"listens at {found.url()} since {found.since}")
        return
    named = urlsplit(environ.get(environment.MARK, "")).port
    if named and not _answers(named):
        yield Row(
            Status.FAIL, "llmcap up", f"this shell is set up for port {named}: nobody listens",
            "llmcap up, or open a new shell",
        )  # fmt: skip


def confinement(environ: Mapping[str, str]) -> Iterator[Row]:
    """Whether `--confine` works here, and what stands in its way."""
    works, text, mend = confined_here(environ)
    yield Row(Status.OK if works else Status.WARN, "confine", text, mend)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def node(environ: Mapping[str, str]) -> Iterator[Row]:
    """Whether the Node in the PATH goes through a proxy."""
    program = shutil.which("node", path=environ.get("PATH"))
    here = nodes.of_program(program) if program else None
    if here is None:
        return
    if here.reads_proxies:
        yield Row(Status.OK, "node", f"{here.version} goes through a proxy")
    else:
        yield Row(
            Status.WARN, "node", f"{here.version} ignores proxy variables: programs on it that do "
            "not read them themselves (as Gemini CLI does) go round LLMCap",
            "`llmcap run --confine`, or Node 24",
        )  # fmt: skip


def uncappable(environ: Mapping[str, str]) -> Iterator[Row]:
    """Tools that are here and cannot be capped, whatever one sets."""
    for program, (name, why, instead) in UNCAPPABLE.items():
        if shutil.which(program, path=environ.get("PATH")):
            yield Row(Status.WARN, name, f"{program} {why}", instead)


def direct(environ: Mapping[str, str]) -> Iterator[Row]:
    """Programs that talk to a provider at this moment, and not through a proxy of ours."""
    own = {os.getpid()}
    if found := standing.find(environ):
        own.add(found.pid)
    seen = set(bypass.connections(pid for pid in bypass.processes() if pid not in own))
    if not seen:
        return
    hosts = bypass.addresses(behind.provider_hosts())
    for each in sorted(seen, key=lambda each: each.pid):
        if host := hosts.get(each.address):
            yield Row(
                Status.WARN, "bypass",
                f"{each.program} (process {each.pid}) is connected to {host} without LLMCap",
                'restart it under `llmcap run`, or after `eval "$(llmcap env)"`',
            )  # fmt: skip


def probed(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    confine: bool = False,
    config: Path | None = None,
) -> Iterator[Row]:
    """What the command did behind a proxy that lets nothing through."""
    name = Path(command[0]).name
    try:
        seen = probe.watch(
            command, behind.prepare(environ), environ,
            seconds_max=PROBE_SECONDS_MAX, confine=confine, policy=_policy_of(config),
        )  # fmt: skip
    except LLMCapError as error:
        yield Row(Status.FAIL, name, str(error))
        return
    hosts = {request.split(" ")[1].partition("/")[0] for request in seen.requests}
    if seen.requests:
        read = several(len(seen.requests), "request")
        yield Row(Status.OK, name, f"goes through the proxy and trusts it: {read} to "
                  f"{', '.join(sorted(hosts))} read, and none sent")  # fmt: skip
    for call in sorted(set(seen.refused)):
        yield Row(
            Status.WARN, name, f"{call} stays refused, whatever a budget has left: nobody knows "
            "what it costs, or it spends where no proxy sees it",
            "if it costs nothing: `unknown_endpoints: pass` in the config",
        )  # fmt: skip
    for host in sorted(set(seen.distrusted) - hosts):
        yield Row(
            Status.FAIL, name, f"goes through the proxy, but does not trust it for {host}",
            "it reads none of the usual variables, or pins its certificates: try "
            "`llmcap ca install system`",
        )  # fmt: skip
    for address in sorted({each.address for each in seen.direct}):
        yield Row(
            Status.FAIL, name, f"connects to {address} port 443 without the proxy",
            "its runtime ignores proxy variables: `llmcap run --confine` needs none",
        )  # fmt: skip
    if seen.attempts:
        yield Row(
            Status.WARN, name, f"{several(seen.attempts, 'attempt')} past the proxy led nowhere",
            "--reach PORT and --allow-host ADDRESS of `llmcap run` let what it needs through",
        )  # fmt: skip
    old = _old_node(seen) if not seen.requests and not confine else None
    if old is not None:
        yield Row(
            Status.FAIL, name, f"runs on Node {old.version}, which ignores proxy variables: its "
            "calls go round LLMCap", "`llmcap run --confine`, or Node 24",
        )  # fmt: skip
    elif not (seen.requests or seen.distrusted or seen.direct):
        yield Row(
            Status.WARN, name, f"{_silence(seen)}, without a call to a provider",
            f"give it something to do, such as `llmcap doctor -- {name} ... hello`",
        )  # fmt: skip


def _policy_of(config: Path | None) -> Policy:
    """What the config says, as far as it can be read: its faults have a row of their own."""
    try:
        return Policy() if config is None else load(config)
    except ConfigError:
        return Policy()


def _old_node(seen: Seen) -> nodes.Node | None:
    """A Node among the programs of a command that no proxy variable reaches."""
    found = (nodes.of_program(program) for program in sorted(seen.programs))
    return next((each for each in found if each is not None and not each.reads_proxies), None)


def _silence(seen: Seen) -> str:
    """What is known of a command that has called nobody."""
    text = "it ended by itself" if seen.ended else f"it ran for {PROBE_SECONDS_MAX} s"
    if seen.connects:
        text += f", asked for {', '.join(sorted(set(seen.connects)))}"
    lines = [line.strip() for line in seen.screen.splitlines() if line.strip()]
    return f"{text}, said {lines[-1][:100]!r}" if lines else text
