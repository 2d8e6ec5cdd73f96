"""
What a container needs to be confined: options of `docker run` and `podman run`, or a compose file.

The container has no network but its own loopback; LLMCap sees to it from outside, by the process
that runs in it. It never gets a socket of LLMCap's, a capability, or more than what is to be read.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmcap.words.errors import ConfigError

INSIDE = Path("/llmcap")  # where the certificates are, in the container
ROOTS = "/etc/ssl/certs/ca-certificates.crt"  # of Debian's kind and Alpine's
RESOLVER = "/etc/resolv.conf"


# https://docs.docker.com/reference/cli/docker/container/create/, and podman's the same.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Given:
    """What a container is given: a folder of certificates, roots, a resolver's file, variables."""

    trust: Path
    roots: Path
    resolver: Path
    environ: Mapping[str, str]


def named(text: str) -> str:
    """The same, where a container can be called so. Raises `ConfigError`."""
    if _NAME.fullmatch(text):
        return text
    raise ConfigError(
        f"--container {text}: no engine takes that name: expected letters, digits, `_`, `.` and "
        "`-`, a letter or a digit first"
    )


def options(name: str, given: Given) -> list[str]:
    """The words for `docker run`, without image and command."""
    words = ["--name", name, "--network", "none"]
    for source, target in _mounts(given):
        words += ["--volume", f"{source}:{target}:ro"]
    for variable, value in sorted(given.environ.items()):
        words += ["--env", f"{variable}={value}"]
    return words


def compose(name: str, given: Given) -> str:
    """The same as a service of a compose file, to be completed by its image."""
    quoted = _quoted(name)  # YAML has words that are no text: yes, null, 7
    lines = ["services:", f"  {quoted}:", "    image: IMAGE", f"    container_name: {quoted}"]
    lines += ["    network_mode: none", "    volumes:"]
    for source, target in _mounts(given):
        lines.append(f"      - {_quoted(f'{source}:{target}:ro')}")
    lines.append("    environment:")
    lines += [f"      {each}: {_quoted(value)}" for each, value in sorted(given.environ.items())]
    return "\n".join(lines)


def inside(environ: Mapping[str, str], trust: Path) -> dict[str, str]:
    """Variables that name files beside our certificates, as the container has them."""
    return {
        name: value.replace(str(trust), str(INSIDE))
        for name, value in environ.items()
        if str(trust) in value
    }


def command(engine: str, words: Sequence[str]) -> str:
    """A line for a shell."""
    return f"{engine} run {shlex.join(words)} IMAGE"


def _mounts(given: Given) -> list[tuple[Path, str]]:
    return [(given.trust, str(INSIDE)), (given.roots, ROOTS), (given.resolver, RESOLVER)]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'
