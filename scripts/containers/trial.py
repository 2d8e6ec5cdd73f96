"""
The image, made and run step by step on this machine, where no container engine is.

    unshare --mount python scripts/containers/trial.py FOLDER

Every instruction of the Dockerfile is done in a chroot: this system under an overlay in memory, and
this Python in the place of the base image's. The overlay is mounted on the folder that is named,
and gone with the process. Then each proxy of compose.yaml is started as an engine would: by the
image's entry point, as its user, with a root that is read-only, its own `/data`, and what
compose.yaml gives it. PostgreSQL is a real one on loopback. It needs root on Linux, and a package
index.

What it cannot show: the base image, its libraries, and networks of their own; so each proxy listens
on the port that compose.yaml publishes.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from postgres_server import Server, cluster

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMPOSE = HERE / "compose.yaml"
PASSWORD = "made-up"  # noqa: S105 - of a server that lives for a minute on loopback
HEALTHY_SECONDS_MAX = 120
POLL_SECONDS = 0.2

# What an engine gives to the steps of a build.
KEPT = re.compile(r"PIP_|UV_|SSL_|REQUESTS_|HTTPS?_PROXY|NO_PROXY", re.IGNORECASE)


@dataclass
class Stage:
    """One FROM and what follows it."""

    root: Path
    environ: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    )
    folder: str = "/"
    user: str = "0:0"
    entry: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        """Where something of it is, for us."""
        return self.root / str(Path(self.folder, inside)).lstrip("/")

    def run(self, command: str, environ: dict[str, str]) -> None:
        """A RUN of a build, as root."""
        words = ["chroot", str(self.root), "sh", "-ec", f"cd {shlex.quote(self.folder)}; {command}"]
        subprocess.run(words, env=environ | self.environ, check=True)

    def copy(self, words: list[str], source: Path) -> None:
        """A COPY, from the context or from another stage."""
        *names, target = words
        for name in names:
            found = source / name.lstrip("/")
            place = self.path(target)
            if found.is_dir():
                shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True)
            else:
                goal = place / found.name if target.endswith("/") else place
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, goal)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The word and the rest of each instruction, with its lines joined."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in kept.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest.strip()


def build(work: Path) -> Stage:
    """The last stage of the Dockerfile, made as it says."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    given = {name: value for name, value in os.environ.items() if KEPT.match(name)}
    for word, rest in instructions((HERE / "Dockerfile").read_text(encoding="utf-8")):
        print(f"    {word} {rest[:90]}", flush=True)
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(_base(work / name))
            continue
        assert stage is not None, "a Dockerfile begins with FROM"
        if word == "RUN":
            stage.run(rest, given)
        elif word == "COPY":
            words = rest.split()
            other = words[0].startswith("--from=")
            source = stages[words.pop(0).removeprefix("--from=")].root if other else ROOT
            stage.copy(words, source)
        elif word == "ENV":
            pairs = (each.partition("=") for each in shlex.split(rest))
            stage.environ |= {
                name: value.replace("$PATH", stage.environ["PATH"]) for name, _, value in pairs
            }
        elif word == "WORKDIR":
            stage.folder = rest
            stage.path(rest).mkdir(parents=True, exist_ok=True)
        elif word == "USER":
            stage.user = rest
        elif word == "ENTRYPOINT":
            stage.entry = json.loads(rest)
        elif word == "HEALTHCHECK":
            stage.health = json.loads(rest.partition(" CMD ")[2])
        else:
            assert word in {"VOLUME", "EXPOSE", "STOPSIGNAL"}, f"{word} is not known here"
    assert stage is not None
    return stage


def _base(place: Path) -> Path:
    """A root like the base image's: this system, with this Python in /usr/local."""
    root = _overlay(Path("/"), place / "root")
    _overlay(Path(sys.base_prefix), place / "python", at=root / "usr" / "local")
    for name in ("dev", "proc"):
        _mount("--rbind", f"/{name}", str(root / name))
    subprocess.run(["chroot", str(root), "ldconfig"], check=True)  # /usr/local/lib is another's now
    return root


def _overlay(lower: Path, place: Path, at: Path | None = None) -> Path:
    """A folder that begins as `lower`, whose changes go to `place`."""
    upper, work, merged = place / "upper", place / "work", at or place / "merged"
    for folder in (upper, work, merged):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    _mount("-t", "overlay", "overlay", "-o", options, str(merged))
    return merged


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


@dataclass
class Proxy:
    """A service of compose.yaml that runs the image."""

    name: str
    process: "subprocess.Popen[bytes]"
    stage: Stage
    port: int
    data: Path
    log: Path

    def healthy(self) -> bool:
        """What the image's health check says."""
        words = [*self.stage.health, str(self.port)]
        command = ["chroot", f"--userspec={self.stage.user}", str(self.stage.root), *words]
        return subprocess.run(command, env=self.stage.environ, check=False).returncode == 0

    def wait_healthy(self) -> None:
        """Until the health check is content."""
        deadline = time.monotonic() + HEALTHY_SECONDS_MAX
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} is not healthy:\n{self.log.read_text()}")
            time.sleep(POLL_SECONDS)


@contextmanager
def started(
    name: str, service: dict[str, Any], stage: Stage, work: Path, more: dict[str, str]
) -> Iterator[Proxy]:
    """One proxy, as compose.yaml wants it, until the block ends; it must end in order then."""
    assert service["read_only"], f"{name} may write to its root"
    assert service["cap_drop"] == ["ALL"], f"{name} keeps capabilities"
    port = int(service["ports"][0].split(":")[1])
    script = ["mount --make-rprivate /", f"mount -o remount,bind,ro {stage.root}"]
    script += [f"mount -o remount,bind,ro {stage.root}/usr/local"]
    script += [f"mount -t tmpfs tmpfs {stage.root}{each}" for each in service["tmpfs"]]
    volumes = work / "volumes"
    for volume in service["volumes"]:
        source, target, *mode = volume.split(":")
        place = stage.root / target.lstrip("/")
        if source.startswith("./") and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        real = HERE / source if source.startswith("./") else volumes / source
        if not real.exists():  # an engine fills a new volume with what the image has there
            shutil.copytree(place, real)
            _give(place, real)
        script.append(f"mount --bind {'-o ro ' if mode else ''}{real} {place}")
    words = [*stage.entry, *service["command"], "--port", str(port)]
    user, group = stage.user.split(":")
    drop = f"setpriv --reuid={user} --regid={group} --clear-groups --no-new-privs"
    drop += " --bounding-set=-all --inh-caps=-all"
    script.append(f"exec chroot {stage.root} {drop} -- {shlex.join(words)}")
    log = work / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-exc", "\n".join(script)],
            env=stage.environ | service["environment"] | more,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Proxy(name, process, stage, port, volumes / _volume_at(service, "/data"), log)
        process.send_signal(signal.SIGTERM)
        status = process.wait()
        assert status == 0, f"{name} ended with {status}:\n{log.read_text()}"
    finally:
        process.kill()
        process.wait()


def _volume_at(service: dict[str, Any], target: str) -> str:
    """The name of the volume that is mounted there."""
    volumes: Iterator[list[str]] = (each.split(":") for each in service["volumes"])
    return next(source for source, place, *_ in volumes if place == target)


def _give(like: Path, copy: Path) -> None:
    """Owner and rights as the image has them."""
    for source in (like, *like.rglob("*")):
        target, found = copy / source.relative_to(like), source.stat()
        os.chown(target, found.st_uid, found.st_gid)
        target.chmod(found.st_mode)


def treasury(server: Server) -> dict[str, str]:
    """What compose.yaml's PostgreSQL is asked to make; what its address is here."""
    server.execute(f"CREATE ROLE llmcap LOGIN PASSWORD '{PASSWORD}'")
    server.execute("CREATE DATABASE llmcap OWNER llmcap")
    return {"PGPORT": str(server.port)}


def main() -> None:
    """Build, start both proxies, look at them, end them."""
    _mount("--make-rprivate", "/")
    work = Path(sys.argv[1])
    _mount("-t", "tmpfs", "tmpfs", str(work))
    print("The image, by the steps of its Dockerfile:", flush=True)
    stage = build(work)
    with stage.path("/etc/hosts").open("a", encoding="utf-8") as hosts:
        hosts.write("\n127.0.0.1 postgres\n")
    services = yaml.safe_load(
        COMPOSE.read_text(encoding="utf-8").replace(
            "${TREASURY_PASSWORD:?set it to the password of the treasury}", PASSWORD
        )
    )["services"]
    proxies = {name: each for name, each in services.items() if each["image"] == "llmcap"}
    with cluster() as made, ExitStack() as running:
        more = treasury(made.server())
        found = [
            running.enter_context(started(name, each, stage, work, more))
            for name, each in proxies.items()
        ]
        for proxy in found:
            proxy.wait_healthy()
            owner = Path(f"/proc/{proxy.process.pid}/status").read_text(encoding="ascii")
            assert "Uid:\t10001\t10001" in owner, "it runs as somebody else"
            assert "CapEff:\t0000000000000000" in owner, "it has rights that it needs not"
            assert (proxy.data / "llmcap" / "ledger.sqlite3").exists()
            print(f"    {proxy.name} is healthy on port {proxy.port}, as user 10001", flush=True)
        authorities = {authority_of(each) for each in found}
        assert len(authorities) == 1, "a client would have to trust each of them"
    print("Both ended in order.")


def authority_of(proxy: Proxy) -> bytes:
    """What it signs with, seen through its own root."""
    return Path(f"/proc/{proxy.process.pid}/root/data/llmcap/ca/mitmproxy-ca.pem").read_bytes()


if __name__ == "__main__":
    main()
