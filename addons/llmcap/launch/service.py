"""
`llmcap up` as a service of the user: a systemd user unit, a launchd agent.

Started at login, started again when it ends. What is written and run is shown first.
"""

import plistlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmcap.authority.stores import Step
from llmcap.words.errors import ConfigError

LABEL = "dev.llmcap.proxy"
UNIT = "llmcap.service"

# The variables of the installing shell that the service must have, as it starts without a shell.
KEPT = (
    "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "XDG_DATA_HOME", "PYTHONPATH",
    "LLMCAP_CAP", "LLMCAP_CONFIG", "LLMCAP_LEDGER",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """A file to write, and the commands that make the system use it and forget it."""

    path: Path
    content: bytes
    start: tuple[Step, ...]
    stop: tuple[Step, ...]


def service(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    home: Path,
    platform: str = sys.platform,
) -> Service:
    """The service that runs the command. Raises `ConfigError` where there is no way to have one."""
    kept = {name: environ[name] for name in KEPT if environ.get(name)}
    if platform == "darwin":
        return _launchd(command, kept, home)
    if platform.startswith("linux"):
        return _systemd(command, kept, environ, home)
    raise ConfigError(
        f"LLMCap knows no services on {platform}\nhint: run `llmcap up --foreground` from your own"
    )


def _systemd(
    command: Sequence[str], kept: Mapping[str, str], environ: Mapping[str, str], home: Path
) -> Service:
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    variables = [f"Environment={_quoted(f'{name}={value}')}" for name, value in kept.items()]
    lines = [
        "[Unit]",
        "Description=LLMCap, a spend firewall for LLM APIs",
        "Documentation=https://github.com/llmcap/llmcap-mitmproxy",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in command)}",
        *variables,
        "Restart=on-failure",
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    control = ("systemctl", "--user")
    return Service(
        path=config / "systemd" / "user" / UNIT,
        content="\n".join(lines).encode(),
        start=(
            Step("read the new unit", (*control, "daemon-reload")),
            Step("start it now and at every login", (*control, "enable", "--now", UNIT)),
        ),
        stop=(Step("stop it, now and for good", (*control, "disable", "--now", UNIT)),),
    )


def _quoted(word: str) -> str:
    """
    A word as systemd reads it: it knows quotes, and expands `%`; on command lines `$` too.

    https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if escaped != word or shlex.quote(word) != word else word


def _launchd(command: Sequence[str], kept: Mapping[str, str], home: Path) -> Service:
    path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    agent = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(kept),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
    }
    return Service(
        path=path,
        content=plistlib.dumps(agent),
        start=(Step("start it now and at every login", ("launchctl", "load", "-w", str(path))),),
        stop=(Step("stop it, now and for good", ("launchctl", "unload", "-w", str(path))),),
    )
