"""
A command that runs as if it had been started without us: its terminal, its signals, its exit code.

The child stays in our process group, so that signals of the terminal (Ctrl-C, Ctrl-Z, a resize)
reach it directly and job control works. We do nothing on them, but pass on what somebody sent to us
alone. When only the child stops itself, as full-screen programs do, we stop too, so that the shell
gets the terminal back.

Signals are blocked and waited for, not handled: `sigwaitinfo` says who sent one, and that is how a
Ctrl-C, which the child has seen already, is told from a `kill`, which it has not.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from llmcap.words.errors import ConfigError, LLMCapError

# As GNU timeout and shells have it: https://www.gnu.org/software/coreutils/timeout
EXIT_OURS = 125
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_SIGNAL = 128

# What the kernel sends on behalf of the terminal; `si_code` of <asm-generic/siginfo.h>.
SI_KERNEL = 0x80

# What Python ignores, and programs expect to end by.
IGNORED_BY_PYTHON = tuple(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)
)


class CommandError(LLMCapError):
    """The command cannot be started; `code` is the exit code that says so."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """
    Hold back the signals that `run` passes on. Threads started in here never take one.

    Who ignores a signal, as under `nohup`, goes on ignoring it, and so does the child.
    """
    if sys.platform == "win32":
        raise ConfigError(
            "llmcap run needs a POSIX system\nhint: on Windows, use `llmcap up` and `llmcap env`"
        )
    passed = [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
    watched = {
        number
        for number in (signal.SIGINT, signal.SIGQUIT, *passed)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    # A handler of Python's is undone by exec; SIGCHLD may have come to us ignored.
    handlers = {number: signal.signal(number, _nothing) for number in (*watched, signal.SIGCHLD)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Running(Protocol):
    """A process of ours; `returncode` is set when it has been waited for."""

    pid: int
    returncode: Any


@dataclass
class Started:
    """A process that `start` made."""

    pid: int
    returncode: int | None = None


def run(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    started: Callable[[Sequence[str], Mapping[str, str]], Running] | None = None,
    tend: Callable[[], object] = lambda: None,
) -> int:
    """
    Run the command to its end, inside of `signals_held`; its exit code, 128+n for a signal n.

    `started` makes the process, where that takes more than a start; `tend` is called when another
    child of ours may have ended. Raises `CommandError` where it cannot be started, and
    `KeyboardInterrupt` where that came before it: nobody else was told.
    """
    if signal.SIGINT in signal.sigpending():
        raise KeyboardInterrupt
    process = (started or start)(command, environ)
    # One that was made before signals were held may have ended before, and would tell nobody.
    code = _look_after(process)
    while code is None:
        tend()
        number, by_terminal, sender = _next_signal()
        if number == signal.SIGCHLD:
            code = _look_after(process)
        elif not by_terminal and sender != process.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
    return code


def start(command: Sequence[str], environ: Mapping[str, str]) -> Running:
    """
    The command as a process with our terminal and our open files, and with no signal held back.

    Ours stay held back throughout: a Ctrl-C that comes as the command begins is still told from a
    `kill`. So the kernel gives the child its own mask, and no code of ours runs in it.
    """
    name = command[0]
    folders = [""] if os.sep in name else os.get_exec_path(dict(environ))
    found: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in folders:
        try:
            pid = os.posix_spawn(
                Path(folder, name) if folder else name,
                list(command),
                dict(environ),
                setsigmask=(),
                setsigdef=IGNORED_BY_PYTHON,
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            missing = FileNotFoundError(errno.ENOENT, error.strerror)
            found = found if isinstance(found, PermissionError) else missing
        except PermissionError as error:
            found = error  # as a shell: another folder may have one that can be run
        except OSError as error:
            raise unstartable(name, error) from error
        else:
            return Started(pid)
    raise unstartable(name, found) from found


def unstartable(name: str, error: OSError) -> CommandError:
    """The error of a command that could not be executed, in the words and the code of a shell."""
    if isinstance(error, FileNotFoundError):
        return CommandError(_not_found(name, error), EXIT_NOT_FOUND)
    return CommandError(f"{name}: the command cannot be run: {error.strerror}", EXIT_NOT_EXECUTABLE)


def _not_found(name: str, error: FileNotFoundError) -> str:
    if os.sep in name and Path(name).exists():
        return f"{name}: the program that its first line names is not there"
    return f"{name}: the command is not found" + (f" ({error.strerror})" if os.sep in name else "")


def _look_after(process: Running) -> int | None:
    """The exit code, if the child has ended; stop with it, if it has stopped."""
    pid, status = os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED)
    if pid == 0:
        return None
    if os.WIFSTOPPED(status):
        # The shell that waits for us sees a stopped job, and wakes both of us with `fg`.
        os.kill(os.getpid(), signal.SIGSTOP)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        return None
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    return code if code >= 0 else EXIT_SIGNAL - code


def _next_signal() -> tuple[int, bool, int]:
    """Wait for one of the held signals: its number, whether the terminal sent it, who did."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(held)
        return info.si_signo, info.si_code == SI_KERNEL, info.si_pid
    # macOS does not say who sent it: with a terminal, an interrupt is taken for the terminal's.
    number = signal.sigwait(held)
    keys = number in (signal.SIGINT, signal.SIGQUIT)
    return number, keys and any(os.isatty(descriptor) for descriptor in range(3)), 0


def _nothing(number: int, frame: object) -> None:
    """Take the signal, as the child got it too."""
