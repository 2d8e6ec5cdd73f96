"""
One worker of a proxy: `python -m llmcap.launch.workers.worker`, which only the crew starts.

Its first line of standard input is its `Plan`; each further one is a word, and the end of them is
its own. It says in a line on standard output that it serves, or why it does not; what happens goes
to standard error, a JSON object for each message.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from llmcap.assembly import Settings, policy_of
from llmcap.keys.swap import Keys
from llmcap.launch import standing, up
from llmcap.launch.pageprocess import PageProcess
from llmcap.launch.proxythread import ProxyThread
from llmcap.launch.setup import Setup
from llmcap.launch.workers.line import DatagramLine
from llmcap.ledger.liveness import of_worker
from llmcap.walk.firewall import Firewall
from llmcap.words.errors import LLMCapError

REREAD = "reread"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is to do; all of it is JSON."""

    number: int
    count: int
    folder: str  # of the line between them
    settings: dict[str, Any]  # `Settings`, with paths as text
    confdir: str
    roots: str
    host: str
    port: int
    page: int  # its port; 0: there is none

    @classmethod
    def of(cls, settings: Settings, **rest: Any) -> "Plan":
        """For these settings."""
        told = asdict(settings)
        told["config"] = str(settings.config) if settings.config else None
        return cls(settings=told, **rest)

    def its_settings(self) -> Settings:
        """The same as they were given."""
        config = self.settings["config"]
        return Settings(**{**self.settings, "config": Path(config) if config else None})


class AsJson(logging.Formatter):
    """A message with its level, on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole message: with its traceback, too."""
        return json.dumps({"level": record.levelno, "message": super().format(record)})


def main(words: IO[str], answer: IO[str]) -> int:
    """Serve until the words end."""
    set_up_log()
    plan = Plan(**json.loads(words.readline()))
    try:
        serve(plan, words, ready=lambda: _say(answer, {}))
    except (LLMCapError, OSError) as error:
        _say(answer, {"error": str(error)})
        return 2
    return 0


def set_up_log() -> None:
    """The crew writes it down."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AsJson("%(message)s"))
    up.log_to(handler)


def serve(plan: Plan, words: IO[str], *, ready: Callable[[], None]) -> None:
    """One of the processes behind the port."""
    settings = plan.its_settings()
    policy = policy_of(settings)
    ledger = Path(settings.ledger)
    if policy.treasury:  # each is a node by itself
        settings = replace(settings, ledger=str(of_worker(ledger, plan.number)))
    listener = standing.bind_shared(plan.port, plan.host)
    setup = Setup(
        confdir=Path(plan.confdir),
        roots=Path(plan.roots),
        upstream=up.upstream_of(os.environ),
    )
    pages = [PageProcess(plan.page, ledger)] if plan.page else []
    ended, keys = threading.Event(), Keys([])
    firewalls: list[Firewall] = []
    line = DatagramLine(Path(plan.folder), plan.number, plan.count)
    make = up.addon_maker(policy, settings, opened=firewalls.append, pages=pages, keys=keys)

    def make_addons() -> Any:
        finish = make()
        firewalls[0].shared.peers.join(line)

        def addons() -> Sequence[object]:
            return [*finish(), Listening(line, firewalls[0])]

        return addons

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # The crew has them, and says what to do.
        signal.signal(number, signal.SIG_IGN)
    proxy = ProxyThread(
        setup, listener, make_addons, when_over=ended.set, drain_seconds=up.DRAIN_SECONDS
    )
    proxy.start()
    listening = threading.Thread(
        target=obey, args=(words, firewalls, ended), name="words", daemon=True
    )
    try:
        proxy.wait_ready()
        with contextlib.ExitStack() as beside:
            if plan.number == 0 and sys.platform == "linux":
                beside.enter_context(up.desk(os.environ, proxy.gates, keys))
            ready()
            listening.start()
            ended.wait()
    finally:
        proxy.stop()
        line.close()
    proxy.check()


def obey(words: IO[str], firewalls: Sequence[Firewall], ended: threading.Event) -> None:
    """Do what the crew says, until it says nothing more."""
    for word in words:
        if word.strip() == REREAD:
            for firewall in firewalls:
                firewall.reread()
    ended.set()


class Listening:
    """The addon that hears what the other workers say."""

    def __init__(self, line: DatagramLine, firewall: Firewall) -> None:
        self._line = line
        self._firewall = firewall

    def running(self) -> None:
        """From now on."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._line.fileno(), self._firewall.shared.peers.catch_up)

    def done(self) -> None:
        """No more."""
        asyncio.get_running_loop().remove_reader(self._line.fileno())


def _say(answer: IO[str], what: dict[str, str]) -> None:
    answer.write(json.dumps(what) + "\n")
    answer.flush()


if __name__ == "__main__":
    code = main(sys.stdin, sys.stdout)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of libraries do not keep it
