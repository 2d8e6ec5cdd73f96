"""
LLMCap's options in mitmproxy, and what is dangerous among mitmproxy's own.

Most of them change nothing for us: what they do to a request is done before it is decided about,
and what they do to an answer after it was read. Those below would take requests past us, and are
refused, at the start and when they are changed. What still slips through, a pattern for an address
behind which a provider is, ends in `raw`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.mode_specs import (
    ProxyMode,
    RegularMode,
    ReverseMode,
    Socks5Mode,
    UpstreamMode,
)  # fmt: skip

from llmcap.providers import hosts, provider_of

NAMES = frozenset({"llmcap_cap", "llmcap_config", "llmcap_ledger"})

# Whoever reaches a listener of these modes is a client; into others clients are led on purpose.
OPEN_TO_CLIENTS = (RegularMode, UpstreamMode, Socks5Mode, ReverseMode)

# What a `*` in the name of a host is in an example of it.
REGION = "us-east-1"

WRITES = (
    "mitmproxy's option {option}={value} writes what passes, prompts and keys among it: LLMCap "
    "writes neither anywhere"
)


def declare(loader: Loader) -> None:
    """Declare the `llmcap_*` options; each is also read from its environment variable."""
    loader.add_option(
        "llmcap_cap", str, "",
        "The most to spend, in dollars: `5` or `$5` in all, `5/day`, `20/month`, `1.50/run` "
        "for this run of the proxy. Also LLMCAP_CAP. Without a cap here and without budgets in "
        "the config, LLMCap meters and caps nothing.",
    )  # fmt: skip
    loader.add_option(
        "llmcap_config", str, "",
        "Path of a YAML file with budgets, prices and policy. Also LLMCAP_CONFIG.",
    )  # fmt: skip
    loader.add_option(
        "llmcap_ledger", str, "",
        "Path of the ledger, an SQLite file that several proxies may share. Also "
        "LLMCAP_LEDGER; the default is in the user's data folder.",
    )  # fmt: skip


# --- what is refused --------------------------------------------------------------------------


def refuse_dangerous() -> None:
    """Raise `OptionsError` for an option of mitmproxy's under which no cap can hold."""
    for name, objection in REFUSED.items():
        if name not in ctx.options:
            continue
        value = getattr(ctx.options, name)
        if (why := objection(value)) is not None:
            raise OptionsError(f"LLMCap cannot work with {name}={_shown(value)}: {why}.")


Objection = Callable[[Any], str | None]


def _if_set(why: str) -> Objection:
    return lambda value: why if value else None


def _if_unset(why: str) -> Objection:
    return lambda value: None if value else why


def _ignored(patterns: Sequence[str]) -> str | None:
    """Patterns of hosts that are left alone."""
    taken = [host for host in _examples() if _matches(patterns, host)]
    return _taken_out(taken)


def _not_allowed(patterns: Sequence[str]) -> str | None:
    """Patterns of the only hosts that are not."""
    taken = [host for host in _examples() if not _matches(patterns, host)]
    return _taken_out(taken) if patterns else None


def _relayed(modes: Sequence[str]) -> str | None:
    """A mode that relays bytes to a provider without reading them."""
    for spec in modes:
        mode = ProxyMode.parse(spec)
        if isinstance(mode, ReverseMode) and mode.scheme not in ("http", "https", "http3", "dns"):
            host = mode.address[0]
            if provider_of(host):
                return (
                    f"what is relayed to {host} as {mode.scheme} cannot be metered. Use "
                    f"reverse:https://{host}"
                )
    return None


REFUSED: Mapping[str, Objection] = {
    "stream_large_bodies": _if_set(
        "mitmproxy would send requests to the provider before they can be refused. Remove that "
        "option"
    ),
    "validate_inbound_headers": _if_unset(
        "a request could carry another one in its body, which the provider reads and LLMCap does "
        "not. Remove that option"
    ),
    "strip_ech": _if_unset(
        "a client that is led to the proxy could hide which host it speaks to. Remove that option"
    ),
    "ignore_hosts": _ignored,
    "allow_hosts": _not_allowed,
    "tcp_hosts": _ignored,
    "udp_hosts": _ignored,
    "mode": _relayed,
}


def _taken_out(taken: Sequence[str]) -> str | None:
    if not taken:
        return None
    more = f" and {len(taken) - 1} more hosts" if len(taken) > 1 else ""
    return (
        f"calls to {taken[0]}{more} would pass unmetered. LLMCap decrypts no host but the "
        "providers' anyway: remove that option"
    )


def _matches(patterns: Sequence[str], host: str) -> bool:
    """As mitmproxy has it, which looks for the host, or for the host and the port."""
    return any(
        re.search(pattern, name, re.IGNORECASE)
        for pattern in patterns
        for name in (host, f"{host}:443")
    )


def _examples() -> Iterator[str]:
    """A name for every host and every pattern of the provider table."""
    for host in hosts():
        name = "x" + host.removeprefix("*") if host.startswith("*.") else host
        yield name.replace("*", REGION)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- what is told -----------------------------------------------------------------------------


def warnings() -> Iterator[str]:
    """What a user should know about the options as they are."""
    if listens_to_all():
        yield (
            "the proxy listens on all interfaces, anyone who reaches it can spend your budget: "
            "--listen-host 127.0.0.1 (`llmcap up`: no --host) keeps it to this machine"
        )
    for name, writes in WRITING.items():
        if name in ctx.options and writes(value := getattr(ctx.options, name)):
            yield WRITES.format(option=name, value=_shown(value))


# From a detail of 2 on mitmdump prints headers, from 3 on bodies.
WRITING: Mapping[str, Callable[[Any], bool]] = {
    "save_stream_file": bool,
    "hardump": bool,
    "web_static_viewer": bool,
    "flow_detail": lambda detail: detail >= 2,
    "proxy_debug": bool,
}


def listens_to_all() -> bool:
    """Whether a listener for clients of this machine takes those of others too."""
    modes = [ProxyMode.parse(mode) for mode in ctx.options.mode]
    found = [
        mode.listen_host(ctx.options.listen_host)
        for mode in modes
        if isinstance(mode, OPEN_TO_CLIENTS)
    ]
    return any(host in ("", "0.0.0.0", "::") for host in found)  # noqa: S104 - it is what we warn of
