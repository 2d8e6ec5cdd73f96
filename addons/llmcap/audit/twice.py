"""
Batches whose bill is told twice: in sums by the batch itself, and line by line in its output.

A file of such lines does not say whose it is. A line belongs to a batch of its vendor if its model
is that of the sums, if it was answered while the batch was at work, and if its usage still fits
into them: what was told of one is not charged with the other, whichever comes first.

An output is told twice, too: as it was downloaded, and as the file that was made of it. Its answers
have the same ids in both.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from llmcap.audit.memory import Memory
from llmcap.audit.parts import time_of
from llmcap.pricing.terms import BATCH, settled
from llmcap.providers.parts.reader import document, documents, text
from llmcap.words.records import Reading
from llmcap.words.usage import COUNTS, Charge, Usage

_OPEN, _LINES, _ANSWERS = "open batches", "lines of batches", "answers of batches"
_BEGUN = ("in_progress_at", "started_at", "created_at")
_ENDED = ("completed_at", "finalizing_at", "cancelled_at", "expired_at", "failed_at")


@dataclass(frozen=True, slots=True)
class Sums:
    """What is left of a batch's sums, and when it was at work as far as it is told."""

    name: str
    since: datetime | None
    until: datetime | None
    left: Usage

    def holds(self, at: datetime | None) -> bool:
        """Whether something was done while it was at work; times are of whole seconds."""
        if at is None:
            return True
        return not (self.since and at < self.since) and not (self.until and at > self.until)


def in_batch(reading: Reading) -> Reading:
    """The same of a call that was made in a batch."""
    charges = (replace(each, terms=settled(each.terms, (BATCH,))) for each in reading.charges)
    return replace(reading, charges=tuple(charges))


class Batches:
    """What an audit knows of batches."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def unseen(self, provider: str, output: bytes) -> bytes:
        """The lines of an output whose answers were not seen by now; from now on they were."""
        lines = [(line, _answer_in(line)) for line in output.splitlines(keepends=True)]
        left = [
            (line, answer)
            for line, answer in lines
            if not answer or not self._memory.get((_ANSWERS, provider, *answer))
        ]
        for _, answer in left:
            if answer:
                self._memory.note((_ANSWERS, provider, *answer))
        return b"".join(line for line, _ in left)

    def of_line(self, provider: str, charge: Charge, at: datetime | None) -> str:
        """The batch whose sums a line was charged with; of no batch, it is known from now on."""
        key = (_OPEN, provider, charge.model)
        known: tuple[Sums, ...] = self._memory.get(key) or ()
        for number, sums in enumerate(known):
            left = _less(sums.left, charge.usage)
            if left is not None and sums.holds(at):
                rest = (*known[:number], replace(sums, left=left), *known[number + 1 :])
                self._memory.put(key, rest)
                return sums.name
        self._memory.add((_LINES, provider, charge.model), at, charge.usage)
        return ""

    def of_sums(self, provider: str, charge: Charge, name: str, body: bytes) -> Charge | None:
        """What of a batch's sums was not charged by its lines yet; None: nothing is left."""
        begun, ended = _span(body, name)
        sums = Sums(name, begun, ended, charge.usage)
        lines: Mapping[datetime | None, Usage] = (
            self._memory.get((_LINES, provider, charge.model)) or {}
        )
        for at, usage in lines.items():
            left = _less(sums.left, usage) if sums.holds(at) else None
            sums = sums if left is None else replace(sums, left=left)
        if sums.left != charge.usage and not (sums.left.input_tokens or sums.left.output_tokens):
            return None
        key = (_OPEN, provider, charge.model)
        self._memory.put(key, (*(self._memory.get(key) or ()), sums))
        return replace(charge, usage=sums.left)


def _answer_in(line: bytes) -> tuple[str, ...]:
    """The name of a call and the id of its answer, in a line of an output; nothing without."""
    try:
        told = document(json.loads(line))
    except (ValueError, RecursionError):
        return ()
    response = document(told.get("response"))
    message = document(document(told.get("result")).get("message"))
    answer = document(response.get("body")) or response or message
    name = text(answer.get("id")) or text(answer.get("responseId"))
    return (text(told.get("custom_id")) or text(told.get("key")), name) if name else ()


def _span(body: bytes, name: str) -> tuple[datetime | None, datetime | None]:
    """When a batch was at work, as its object says."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    jobs = [told, document(document(told).get("job")), *documents(document(told).get("data"))]
    job = next((each for each in map(document, jobs) if text(each.get("id")) == name), {})
    begun, ended = (
        next((at for each in names if (at := time_of(job.get(each)))), None)
        for names in (_BEGUN, _ENDED)
    )
    return begun, ended


def _less(whole: Usage, part: Usage) -> Usage | None:
    """What is left of a usage; None where the part does not fit into it."""
    left = {name: getattr(whole, name) - getattr(part, name) for name in COUNTS}
    return None if min(left.values()) < 0 else replace(whole, **left)
