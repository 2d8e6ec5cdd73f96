"""
An audit by several processes: each takes a piece of a recording, and all that each tells is put
together in the order of the files, so that nobody can see how many they were.

What an exchange owes to those before it is in `Memory`. A process does not have it; it writes down
what it would have asked, and here it is looked whether the answer would have been the same.
"""

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from llmcap.audit.audited import Audited
from llmcap.audit.checking import Auditor
from llmcap.audit.memory import Log, Memory, Watched
from llmcap.audit.parts import Recording
from llmcap.audit.pieces import Piece, Reader, pieces_of
from llmcap.audit.recordings import Form, read, read_rest
from llmcap.words.errors import LLMCapError

# Pieces that wait for their turn are held: so many for each process.
_AHEAD = 2


def cores() -> int:
    """How many processes can work at the same time; one where none can be forked."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


@dataclass(frozen=True, slots=True)
class Work[Shown]:
    """
    How an exchange is audited, and what is shown of its row, but for its name.

    Processes send what is shown, not the row: rows take longer to send than to make.
    """

    auditor: Callable[..., Auditor]
    placed: Callable[[Recording], Recording]
    show: Callable[[Audited], Shown]

    def rows(self, found: Iterable[Recording], memory: Memory) -> Iterator[tuple[str, Shown]]:
        """The names of exchanges and what is shown of each, in order."""
        auditor = self.auditor(memory=memory)
        for recording in found:
            row = auditor.exchange(self.placed(recording))
            yield row.id, self.show(row)


@dataclass(slots=True)
class Part[Shown]:
    """What a process tells of a piece: its rows, or that something is wrong with it."""

    rows: list[tuple[str, Shown, Log]] = field(default_factory=list)
    begun: int = 0
    ended: int | None = None
    failed: bool = False


def audited[Shown](
    files: Iterable[Path],
    work: Work[Shown],
    *,
    jobs: int,
    passed: Callable[[int], object] | None = None,
) -> Iterator[tuple[str, Shown]]:
    """
    The names of all exchanges and what is shown of each, as one process would give them.

    `passed` is told how many bytes of all files were read by now. Raises as `recordings.read`
    does, and `LLMCapError` where a process ended before its work.
    """
    memory, bytes_read = Memory(), 0
    with _Crew(work, jobs) as crew:
        file: _File[Shown] | None = None
        for piece, part in crew.parts(piece for path in files for piece in pieces_of(path)):
            if file is None or piece.is_first:
                file = _File(piece.path, work, memory)
            yield from file.rows(piece, part)
            bytes_read += piece.end - piece.begin
            if passed is not None:
                passed(bytes_read)


class _File[Shown]:
    """One file, put together of its parts."""

    def __init__(self, path: Path, work: Work[Shown], memory: Memory) -> None:
        self._path = path
        self._work = work
        self._memory = memory
        self._count = 0
        self._at: int | None = None  # of a HAR: where the last entry has ended
        self._is_read = False

    def rows(self, piece: Piece, part: Part[Shown]) -> Iterator[tuple[str, Shown]]:
        """Those of the next piece."""
        if self._is_read:
            return
        if part.failed:
            yield from self._again()
            return
        if piece.form is Form.ENTRIES:
            yield from self._entries(piece, part)
        else:
            yield from self._known(piece, part)
        if piece.is_last and not self._count:
            yield from self._again()

    def _entries(self, piece: Piece, part: Part[Shown]) -> Iterator[tuple[str, Shown]]:
        if piece.is_first:
            self._at = part.ended
        elif self._at is None or self._at >= piece.end:
            part = Part()  # an entry goes through all of it
        else:
            piece = replace(piece, begin=self._at)
            if part.ended is None or part.begun != self._at:
                part = _read_piece(piece, self._work, sure=True)
            if part.failed:
                yield from self._again()
                return
            self._at = part.ended or self._at
        yield from self._known(piece, part)
        if not piece.is_last:
            return
        if self._at is None:
            yield from self._again()
        else:
            yield from self._alone(read_rest(self._path, self._at, self._count + 1))

    def _known(self, piece: Piece, part: Part[Shown]) -> Iterator[tuple[str, Shown]]:
        """Rows as they were told, but for those to which something before would have mattered."""
        again: Iterator[tuple[int, Recording]] | None = None
        for number, (name, shown, log) in enumerate(part.rows):
            self._count += 1
            if self._memory.agrees(log):
                self._memory.take(log)
                yield name or str(self._count), shown
                continue
            again = again or enumerate(Reader(piece).recordings(sure=True))
            recording = next(each for place, each in again if place == number)
            for _, anew in self._work.rows([recording], self._memory):
                yield name or str(self._count), anew

    def _again(self) -> Iterator[tuple[str, Shown]]:
        """The rest of the file here, one exchange after the other, with what is wrong in it."""
        yield from self._alone(islice(read(self._path), self._count, None))

    def _alone(self, found: Iterable[Recording]) -> Iterator[tuple[str, Shown]]:
        self._is_read = True
        for row in self._work.rows(found, self._memory):
            self._count += 1
            yield row


def _read_piece[Shown](piece: Piece, work: Work[Shown], *, sure: bool = False) -> Part[Shown]:
    memory, reader, part = Watched(), Reader(piece), Part[Shown]()
    try:
        for name, shown in work.rows(reader.recordings(sure=sure), memory):
            part.rows.append((name, shown, memory.logged()))
    except LLMCapError:
        part.failed = True
    part.begun, part.ended = reader.begun, reader.ended
    return part


# --- processes ------------------------------------------------------------------------------


def _reduced(mapping: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return dict, (dict(mapping),)


# A usage without fees has one; of itself it could not be sent to another process.
ForkingPickler.register(MappingProxyType, _reduced)


@dataclass(slots=True)
class _Place[Shown]:
    """A piece that waits for its turn, and what was told of it by now."""

    piece: Piece
    part: Part[Shown] | None = None


class _Crew[Shown]:
    """Processes that read pieces. They end with the one that has started them."""

    def __init__(self, work: Work[Shown], jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._members: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
        for process in self._members.values():
            process.kill()
        for connection, process in self._members.items():
            process.join()
            connection.close()

    def parts(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Part[Shown]]]:
        """Each piece and what was told of it, in order. Raises what is wrong with the pieces."""
        waiting: deque[_Place[Shown]] = deque()
        busy: dict[Connection, _Place[Shown]] = {}
        wrong: LLMCapError | None = None
        piece: Piece | None = None
        more = True
        while more or waiting:
            while more and len(waiting) < _AHEAD * self._jobs and (idle := self._idle(busy)):
                try:
                    piece = next(pieces, None)
                except LLMCapError as error:
                    wrong, piece = error, None
                more = piece is not None
                if piece is not None:
                    busy[idle] = _Place(piece)
                    waiting.append(busy[idle])
                    idle.send(piece)
            if waiting and waiting[0].part is None:
                for connection in wait(list(busy)):
                    assert isinstance(connection, Connection)
                    place = busy.pop(connection)
                    place.part = self._told(connection, place.piece)
            while waiting and (part := waiting[0].part) is not None:
                yield waiting.popleft().piece, part
        if wrong is not None:
            raise wrong

    def _idle(self, busy: Iterable[Connection]) -> Connection | None:
        """One that has nothing to do; a new one where all have, and there may be more."""
        free = next((each for each in self._members if each not in busy), None)
        if free is None and len(self._members) < self._jobs:
            return self._start()
        return free

    def _start(self) -> Connection:
        context = get_context("fork")  # what is imported and read already need not be sent
        gc.freeze()  # nor is it copied there by a collector that looks at it
        ours, theirs = context.Pipe()
        others = [ours, *self._members]
        process = context.Process(target=_serve, args=(theirs, others, self._work), daemon=True)
        process.start()
        theirs.close()
        self._members[ours] = process
        return ours

    def _told(self, connection: Connection, piece: Piece) -> Part[Shown]:
        try:
            part: Part[Shown] = connection.recv()
        except (EOFError, ConnectionError):
            process = self._members[connection]
            process.join()
            raise LLMCapError(_ended(process.exitcode or 0, piece)) from None
        return part


def _ended(code: int, piece: Piece) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with the exit code {code}"
    return (
        f"{piece.path}: a process of this audit ended {how} before it had read the bytes "
        f"{piece.begin:,} to {piece.end:,}: nothing is known of what is there\n"
        "hint: --jobs 1 takes the least memory"
    )


def _serve(connection: Connection, others: Iterable[Any], work: Work[Any]) -> None:
    """What a process does: pieces, until nobody sends any."""
    for other in others:  # else it would not see their end
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has started it will end it
    with suppress(EOFError, ConnectionError):
        while True:
            connection.send(_read_piece(connection.recv(), work))
