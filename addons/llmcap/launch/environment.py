"""
The variables under which a command sends its calls through the proxy, and trusts it.

Runtimes agree on none of them, so the child gets the union that covered every runtime measured:
proxies in both cases, the bundle where a variable replaces the roots, our certificate alone where
it adds to them. Pure: an environment goes in, another comes out, nothing is read or written.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from llmcap.authority.variables import (
    BUNDLE_VARIABLES,
    EXTRA_VARIABLES,
    JAVA_STORE_PASSWORD,
    Trust,
)
from llmcap.words.errors import ConfigError

# Set in what runs behind a proxy of ours, to its URL.
MARK = "LLMCAP_PROXY"

# Beside it, the proxy that ours sends everything on to, if there is one.
UPSTREAM_MARK = "LLMCAP_UPSTREAM"

# What stood in the place of the variables that a shell has of `llmcap env`, as JSON.
BEFORE_MARK = "LLMCAP_BEFORE"

# In the place of the URL, where a command is confined: it has no proxy, but finds our page there.
CONFINED = "http://llmcap.internal:80"

# The order in which an existing proxy is looked for: what most clients prefer for TLS comes first.
PROXY_SOURCES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")

PROXY_VARIABLES = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "grpc_proxy", "WS_PROXY", "WSS_PROXY", "GLOBAL_AGENT_HTTP_PROXY",
    "npm_config_proxy", "npm_config_https_proxy",
)  # fmt: skip

# Node 24 and later read proxies, and the system's roots, only when they are told to.
SWITCHES: Mapping[str, str] = {"NODE_USE_ENV_PROXY": "1", "NODE_USE_SYSTEM_CA": "1"}

# What Node loads first, so that the agents that its libraries make obey those too.
AGENTS = Path(__file__).parents[1] / "data" / "node.cjs"

# Local models do not pass through. IPv6 ranges are left out: httpx cannot parse them here.
DIRECT = (
    "localhost", "127.0.0.1", "::1", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12",
    "192.168.0.0/16", "169.254.0.0/16",
)  # fmt: skip

JAVA_MARK = "-Dllmcap=on"  # in JAVA_TOOL_OPTIONS: what is ours begins here


def proxied(
    environ: Mapping[str, str], *, proxy_url: str, trust: Trust, provider_hosts: Iterable[str]
) -> dict[str, str]:
    """The environment of a command that is to run behind the proxy."""
    set_here = variables(environ, proxy_url=proxy_url, trust=trust, provider_hosts=provider_hosts)
    # Not among those: a shell that keeps them would start no Node once LLMCap was uninstalled.
    return {**environ, **set_here, "NODE_OPTIONS": node_options(environ.get("NODE_OPTIONS", ""))}


def variables(
    environ: Mapping[str, str], *, proxy_url: str, trust: Trust, provider_hosts: Iterable[str]
) -> dict[str, str]:
    """What `proxied` sets: only the variables that differ from `environ`'s meaning."""
    found = {MARK: proxy_url, UPSTREAM_MARK: upstream_proxy(environ) or ""}
    found |= dict.fromkeys(PROXY_VARIABLES, proxy_url)
    found |= dict.fromkeys(BUNDLE_VARIABLES, str(trust.bundle))
    found |= dict.fromkeys(EXTRA_VARIABLES, str(trust.extra))
    found |= SWITCHES
    direct = ",".join(direct_hosts(environ, provider_hosts=provider_hosts))
    found |= {"NO_PROXY": direct, "no_proxy": direct}
    found["JAVA_TOOL_OPTIONS"] = java_options(
        environ.get("JAVA_TOOL_OPTIONS", ""), proxy_url=proxy_url, store=trust.java
    )
    return found


def confined(environ: Mapping[str, str], *, trust: Trust) -> dict[str, str]:
    """
    The environment of a command that is confined: no proxy, as none can be reached from there, and
    our certificate for those that do not read the system's roots.
    """
    kept = {name: value for name, value in environ.items() if not _names_a_proxy(name)}
    found = {MARK: CONFINED, "NODE_USE_SYSTEM_CA": SWITCHES["NODE_USE_SYSTEM_CA"]}
    found |= dict.fromkeys(BUNDLE_VARIABLES, str(trust.bundle))
    found |= dict.fromkeys(EXTRA_VARIABLES, str(trust.extra))
    existing = environ.get("JAVA_TOOL_OPTIONS", "")
    found["JAVA_TOOL_OPTIONS"] = java_options(existing, proxy_url="", store=trust.java)
    return {**kept, **found}


def _names_a_proxy(variable: str) -> bool:
    name = variable.lower()
    return name.endswith("_proxy") or name in {each.lower() for each in PROXY_VARIABLES}


def is_inside(environ: Mapping[str, str]) -> bool:
    """Whether this runs behind a proxy of ours, which counts what is counted here once more."""
    mark = environ.get(MARK, "")
    return mark == CONFINED or mark == upstream_proxy(environ)


def direct_hosts(environ: Mapping[str, str], *, provider_hosts: Iterable[str]) -> list[str]:
    """
    The hosts that a command reaches without the proxy: this machine, private networks, and what
    the user exempts, except for entries that would let calls to a provider escape.
    """
    providers = [host.removeprefix("*.").lower() for host in provider_hosts]
    named = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}".replace(" ", ",")
    kept = [entry for entry in named.split(",") if entry and not _exempts(entry, providers)]
    return list(dict.fromkeys([*DIRECT, *kept]))


def _exempts(entry: str, providers: Iterable[str]) -> bool:
    """Whether some client would read this `NO_PROXY` entry as one that covers a provider's host."""
    domain = entry.lower().lstrip("*").lstrip(".")
    name, _, port = domain.rpartition(":")
    if name and port.isdigit() and ":" not in name:
        domain = name
    if not domain:
        return True  # `*`: everything
    return any(
        f".{host}".endswith(f".{domain}") or domain.endswith(f".{host}") for host in providers
    )


def upstream_proxy(environ: Mapping[str, str]) -> str | None:
    """
    The proxy that is already set, as a URL: ours must send its traffic there.

    Raises `ConfigError` for one that LLMCap cannot chain to.
    """
    for variable in PROXY_SOURCES:
        value = environ.get(variable, "").strip()
        if not value:
            continue
        url = value if "://" in value else f"http://{value}"
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"{variable}={_without_password(value)}: LLMCap can send its traffic on to an "
                f"http:// or https:// proxy, not to this one\n"
                f"hint: unset {variable} for this command, or put an HTTP proxy in front of it"
            )
        return url
    return None


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    scheme, slashes, _ = head.rpartition("://")
    return f"{scheme}{slashes}...@{tail}" if at else url


def java_options(existing: str, *, proxy_url: str, store: Path) -> str:
    """
    `JAVA_TOOL_OPTIONS`, ours after what is there: of two equal properties the last one wins.

    What an earlier proxy of ours added is taken out, so that the text does not grow. Without a URL
    there is no proxy, whatever the user named.
    """
    parts = urlsplit(proxy_url)
    ours = [
        f"-Dhttp.proxyHost={parts.hostname or ''}",
        f"-Dhttp.proxyPort={parts.port or ''}",
        f"-Dhttps.proxyHost={parts.hostname or ''}",
        f"-Dhttps.proxyPort={parts.port or ''}",
        _quoted(f"-Djavax.net.ssl.trustStore={store}"),
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={JAVA_STORE_PASSWORD}",
    ]
    before = existing.partition(JAVA_MARK)[0].rstrip()
    return " ".join([*([before] if before else []), JAVA_MARK, *ours])


def node_options(existing: str) -> str:
    """`NODE_OPTIONS`, ours after what is there, and once. Node 8 reads no quotes there."""
    path = str(AGENTS)
    if " " in path or '"' in path:  # only inside of quotes is there an escape
        path = '"{}"'.format(path.replace("\\", "\\\\").replace('"', '\\"'))
    ours = f"--require {path}"
    before = existing.removesuffix(ours).rstrip()
    return f"{before} {ours}".strip()


def _quoted(option: str) -> str:
    """One option as the JVM splits that variable: at white space, outside of double quotes."""
    return f'"{option}"' if " " in option else option


def remembering(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The values, and what `restored` needs; of a shell that has some already, its first."""
    before = {**{name: environ.get(name) for name in values}, **restored(environ)}
    before.pop(BEFORE_MARK, None)
    return {**values, BEFORE_MARK: json.dumps(before)}


def restored(environ: Mapping[str, str]) -> dict[str, str | None]:
    """
    What takes the variables back that `remembering` gave a shell; None for those that were not set.
    Empty where it has none of them. Raises `ConfigError` where what it remembers cannot be read.
    """
    if (text := environ.get(BEFORE_MARK)) is None:
        return {}
    try:
        before = json.loads(text)
    except ValueError:
        before = None
    if not isinstance(before, dict) or not all(isinstance(v, str | None) for v in before.values()):
        raise ConfigError(
            f"{BEFORE_MARK} is not as `llmcap env` wrote it, so nobody knows what was set before\n"
            "hint: open a new shell"
        )
    return {**before, BEFORE_MARK: None}


def shell_lines(values: Mapping[str, str | None], *, shell: str) -> list[str]:
    """Lines that set the variables in a shell, or unset them: `sh`, `fish` or `powershell`."""
    set_one, unset_one = _SHELLS[shell]
    return [
        unset_one.format(name) if value is None else set_one(name, value)
        for name, value in values.items()
    ]


def _set_in_fish(name: str, value: str) -> str:
    # It knows \\ and \' inside of single quotes.
    return "set -gx {} '{}'".format(name, value.replace("\\", "\\\\").replace("'", "\\'"))


def _set_in_powershell(name: str, value: str) -> str:
    return "$env:{} = '{}'".format(name, value.replace("'", "''"))


def _set_in_sh(name: str, value: str) -> str:
    return "export {}='{}'".format(name, value.replace("'", "'\\''"))


_SHELLS: Mapping[str, tuple[Callable[[str, str], str], str]] = {
    "sh": (_set_in_sh, "unset {}"),
    "fish": (_set_in_fish, "set -e {}"),
    "powershell": (_set_in_powershell, "Remove-Item -ErrorAction Ignore Env:{}"),
}
