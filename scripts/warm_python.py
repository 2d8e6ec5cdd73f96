"""
A Python that has imported what programs begin with, and is copied for each of them.

    with WarmPython(python, ["openai"]) as warm:
        program = warm.start(["program.py", "--calls=3"], environ, stdout=file, stderr=file)
        program.wait()

To import a provider's package takes a second of CPU, and mitmproxy nearly as long: more than most
tests do with it. A copy is a process of its own with its own environment, which runs the program
from its first line to its end; only its command line is that of this file.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Any, NoReturn, Self

REQUEST = b"\n"  # what is asked comes with it, as descriptors: command, output, errors, report
DESCRIPTORS = 4


class Copy:
    """A running program: what is needed of `subprocess.Popen`."""

    def __init__(self, args: Sequence[str], report: IO[str]) -> None:
        self.args = args
        self.returncode: int | None = None
        self._report = report  # gets the number of the process, and how it ended
        self.pid = int(report.readline())

    def poll(self) -> int | None:
        """How it ended, if it has."""
        return self._end(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended; `subprocess.TimeoutExpired` where it does not in so many seconds."""
        code = self._end(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def _end(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], timeout)[0]:
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """If it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


class WarmPython:
    """`imports` are modules that `python` imports before it is copied; it is started when used."""

    def __init__(self, python: Path, imports: Sequence[str]) -> None:
        self._command = [str(python), "-u", __file__, *imports]
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No more copies are made; those that run are left alone."""
        if self._requests is not None and self._process is not None:
            self._requests.close()
            self._process.wait()

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        stdout: IO[Any],
        stderr: IO[Any],
    ) -> Copy:
        """A program of Python's, by its path and arguments. It has no input."""
        with self._turn:
            if self._requests is None:
                self._requests = self._begin()
        read, write = os.pipe()
        with tempfile.TemporaryFile("w+") as asked, os.fdopen(write, "w") as report:
            json.dump({"command": list(command), "environ": dict(environ)}, asked)
            asked.flush()
            files = [each.fileno() for each in (asked, stdout, stderr, report)]
            with self._turn:
                socket.send_fds(self._requests, [REQUEST], files)
        return Copy(command, os.fdopen(read))

    def run(
        self, command: Sequence[str], environ: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one to its end, as `subprocess.run` does; after so many seconds it is killed."""
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
            with self.start(command, environ, stdout=said, stderr=errors) as program:
                try:
                    code = program.wait(timeout)
                finally:
                    program.kill()
            said.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(command, code, said.read(), errors.read())

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            # Our path is not that of a program, which would find other packages on it.
            environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            self._process = subprocess.Popen(self._command, stdin=theirs.fileno(), env=environ)
        return ours


# --- the other side -------------------------------------------------------------------------


def serve(requests: socket.socket) -> str | None:
    """Copy this process for each request: the copy gets the path of its program, and goes on."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that wait for a copy end by themselves
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, len(REQUEST), DESCRIPTORS)
        if not message:
            return None
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked, stdout, stderr, report = descriptors
            if (pid := os.fork()) != 0:
                _wait_for(pid, report)
            os.close(report)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.close(stdout)
            os.close(stderr)
            return _become(asked)
        for each in descriptors:
            os.close(each)


def _wait_for(pid: int, report: int) -> NoReturn:
    """Say which process it is, and how it ended."""
    os.write(report, f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(report, f"{code}\n".encode())
    os._exit(0)


def _become(asked: int) -> str:
    """Take over the environment and the words of a program; its path."""
    with os.fdopen(asked) as file:
        file.seek(0)
        document = json.load(file)
    os.environ.clear()
    os.environ.update(document["environ"])
    sys.argv = document["command"]
    program = str(Path(sys.argv[0]).resolve())
    sys.path[0] = str(Path(program).parent)
    return program


def main() -> str | None:
    """Import, and serve until nobody can ask any more; in a copy, the path of its program."""
    requests = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    return serve(requests)


if __name__ == "__main__":
    found = main()
    if found is not None:
        runpy.run_path(found, run_name="__main__")
