"""
The crew of a proxy with several workers: who starts them, replaces them, and ends them.

All take connections at one port, and the kernel deals them out (SO_REUSEPORT). A worker that ends
by itself is recovered at once, as any proxy that is gone: what it held is billed at what it can
have come to; then another takes its place.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from llmcap.assembly import RUN_ID, Settings, policy_of
from llmcap.launch import standing, up
from llmcap.launch.behind import prepare
from llmcap.launch.workers.worker import REREAD, Plan
from llmcap.ledger import MEMORY, open_ledger
from llmcap.words.errors import ConfigError, LLMCapError
from llmcap.words.paths import finding_us
from llmcap.words.told import Log

WORKERS_MAX = 64
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 20

# One that ends right after its start is started again after a pause, longer each time.
LIVED_SECONDS_MIN = 5
PAUSE_SECONDS_MAX = 30

logger = Log("llmcap.launch.workers")


def of_cores() -> int:
    """How many workers this machine has cores for, where they can share a port."""
    if _why_not() or not hasattr(os, "sched_getaffinity"):
        return 1
    return min(len(os.sched_getaffinity(0)), WORKERS_MAX)


def serve(
    settings: Settings,
    *,
    workers: int,
    port: int,
    host: str = standing.LOOPBACK,
    environ: Mapping[str, str] = os.environ,
    log: Path | None,
    tell: Callable[[str], None],
    page_port: int | None = up.NO_PAGE,
) -> None:
    """As `up.serve`, with so many workers."""
    policy = policy_of(settings)
    check(settings)
    place = prepare(environ)
    up.set_up_log(log)
    standing.bind(port, host).close()  # it would be shared with another proxy of this user
    listener = standing.bind_shared(port, host)
    open_ledger(settings.ledger, durability=policy.durability).close()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is somebody to tell
    with contextlib.ExitStack() as beside:
        # It is told of until all have ended, as who stops it waits for that.
        told = beside.enter_context(contextlib.ExitStack())
        beside.enter_context(listener)
        folder = beside.enter_context(tempfile.TemporaryDirectory(prefix="llmcap-"))
        pages = []
        if page_port != up.NO_PAGE:
            pages = up.start_page(beside, settings.ledger, page_port, policy.treasury)
        address, number = listener.getsockname()
        plan = Plan.of(
            replace(settings, group=os.getpid()),
            number=0,
            count=workers,
            folder=folder,
            confdir=str(place.confdir),
            roots=str(place.roots),
            host=address,
            port=number,
            page=pages[0].port if pages else 0,
        )
        crew = beside.enter_context(Crew(plan, environ).at_work())
        terminals = up.terminals_of_ours()

        def hung_up(*_: object) -> None:
            if terminals and not up.terminals_of_ours():
                ended.set()
            crew.tell(REREAD)

        signal.signal(signal.SIGHUP, hung_up)
        told.enter_context(
            standing.announced(
                listener,
                ledger=settings.ledger,
                hosts=place.hosts,
                environ=environ,
                page=plan.page,
                workers=workers,
            )
        )
        for text in up.in_force(policy, f"http://{address}:{number}"):
            tell(text)
        ended.wait()


def check(settings: Settings) -> None:
    """Whether several workers can share what these settings name. Raises `ConfigError`."""
    if why := _why_not():
        raise ConfigError(f"--workers: {why}\nhint: leave it out, and one process serves")
    if settings.ledger == MEMORY:
        raise ConfigError(
            f"--workers: the ledger {MEMORY} is of one process\nhint: name a file with --ledger"
        )


def _why_not() -> str:
    """Why this system has no workers; empty where it does."""
    if sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT"):
        return ""
    return f"{sys.platform} does not deal the connections of a port out to processes, Linux does"


class Crew:
    """The workers of one proxy."""

    def __init__(self, plan: Plan, environ: Mapping[str, str]) -> None:
        self._plan = plan
        self._environ = {**finding_us(environ), "LLMCAP_RUN_ID": RUN_ID}
        self._workers: dict[int, subprocess.Popen[str]] = {}
        # Over the workers, what they are told, and whether they end; a signal may come within.
        self._lock = threading.RLock()
        self._ending = False
        self._over = threading.Event()

    @contextlib.contextmanager
    def at_work(self) -> Iterator["Crew"]:
        """All of them serve. Raises what keeps the first one from it, as `ConfigError`."""
        numbers = range(self._plan.count)
        keepers = [
            threading.Thread(target=self._keep, args=(each,), name=f"worker {each}", daemon=True)
            for each in numbers
        ]
        try:
            for each in numbers:
                self._start(each)
            for each in numbers:
                self._wait_ready(self._workers[each])
            for keeper in keepers:
                keeper.start()
            yield self
        finally:
            self._end()

    def tell(self, word: str) -> None:
        """Say a word to each of them."""
        with self._lock:
            for worker in self._workers.values():
                _tell(worker, word)

    # --- parts --------------------------------------------------------------------------------

    def _start(self, number: int) -> subprocess.Popen[str]:
        with self._lock:
            if self._ending:
                raise ConfigError("the proxy ends")
            worker = subprocess.Popen(
                [sys.executable, "-m", "llmcap.launch.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for us
                env=self._environ,
            )
            # Its plan is the first that it hears: a word to all may come as soon as it is known.
            _tell(worker, json.dumps(asdict(replace(self._plan, number=number))))
            self._workers[number] = worker
        assert worker.stderr is not None
        threading.Thread(target=relay, args=(worker.stderr,), daemon=True).start()
        return worker

    def _wait_ready(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        timer = threading.Timer(START_SECONDS_MAX, worker.kill)
        timer.start()
        try:
            said = worker.stdout.readline()
        finally:
            timer.cancel()
        answer = json.loads(said) if said else {"error": "a worker ended at its start; see the log"}
        if "error" in answer:
            raise ConfigError(answer["error"])

    def _keep(self, number: int) -> None:
        """Put another one in the place of each that ends."""
        pause = 0
        while True:
            worker, began = self._workers[number], time.monotonic()
            code = worker.wait()
            if self._ending:
                return
            logger.warning(
                "LLMCap: worker %d (process %d) ended with %d: another takes its place",
                number, worker.pid, code,
            )  # fmt: skip
            self._recover()
            lived = time.monotonic() - began >= LIVED_SECONDS_MIN
            pause = 0 if lived else min(2 * pause + 1, PAUSE_SECONDS_MAX)
            if pause > 1 and self._over.wait(pause):
                return
            try:
                self._wait_ready(self._start(number))
            except (ConfigError, OSError, ValueError) as error:  # what it said was no answer
                if self._ending:
                    return
                logger.error("LLMCap: worker %d does not start: %s", number, error)  # noqa: TRY400

    def _recover(self) -> None:
        """Bill what it held, before anybody waits for that money."""
        try:
            open_ledger(self._plan.settings["ledger"]).close()
        except LLMCapError as error:
            logger.warning("LLMCap: %s", error)  # the others try it every second

    def _end(self) -> None:
        with self._lock:
            self._ending = True
            self._over.set()
            workers = list(self._workers.values())
        for worker in workers:
            assert worker.stdin is not None
            with contextlib.suppress(OSError):
                worker.stdin.close()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for worker in workers:
            try:
                worker.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
                self._recover()


def relay(messages: IO[str]) -> None:
    """Write down what a worker says happened."""
    log = logging.getLogger("llmcap.launch.workers")
    for text in messages:
        try:
            said = json.loads(text)
            log.log(said["level"], "%s", said["message"])
        except (ValueError, TypeError, KeyError):
            log.warning("%s", text.rstrip())  # of the interpreter itself


def _tell(worker: subprocess.Popen[str], word: str) -> None:
    assert worker.stdin is not None
    with contextlib.suppress(OSError, ValueError):
        worker.stdin.write(word + "\n")
        worker.stdin.flush()
