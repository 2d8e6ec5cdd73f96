"""
How a call waits: for the ledger's write lock, for money that others hold, for its turn.

Each step of an admission is one ledger transaction without an `await` inside; all sleeping is here.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from datetime import timedelta

from llmcap.shared.gauges import WAIT
from llmcap.shared.late import Late
from llmcap.shared.state import Shared
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.decision import decide, decide_now, try_cheap
from llmcap.walk.flight import CallInFlight
from llmcap.walk.restrain import ask_breakers
from llmcap.walk.uploads import Upload
from llmcap.words.errors import LedgerBusy, LedgerError, LLMCapError, Unfunded
from llmcap.words.records import Wait

# A prompt of this size takes tiktoken some 10 ms: longer ones are counted in a thread.
COUNT_IN_THREAD_BYTES = 32_768

# How long a call waits for the ledger's write lock, and how often the one whose turn it is asks. A
# machine with too few cores has waits of a second; past this, a process stands still with the lock.
LEDGER_PATIENCE_SECONDS = 30
LEDGER_RETRY_SECONDS = 0.001

# A waiter looks this often by itself, as money may come back in another process.
WAITER_POLL_SECONDS = 0.1


def admit_at_once(admission: Admission) -> CallInFlight | None:
    """
    Admit what nothing speaks against and nobody has to wait for: most calls, at the least cost.

    None says nothing about the call: `admit` looks closer.
    """
    shared = admission.shared
    if admission.delay_seconds or shared.guard.breakers or shared.late.turn.locked():
        return None
    try:
        return try_cheap(admission)
    except (LedgerBusy, Unfunded):
        return None


async def read(upload: Upload) -> None:
    """Read a file on its way; a large one in a thread."""
    if upload.size > COUNT_IN_THREAD_BYTES:
        await asyncio.to_thread(upload.read)
    else:
        upload.read()


async def admit(admission: Admission, *, client_left: Callable[[], bool]) -> CallInFlight | Refused:
    """
    Admit on the cheap bound, or count and decide now, or when it is this call's turn.

    Breakers are asked first, and a throttle's delay comes before any money is held. Raises
    `LLMCapError` where the ledger stays locked or the client leaves.
    """
    refused = ask_breakers(admission)
    if refused is not None:
        return refused
    try:
        await _held_back(admission, client_left=client_left)
        verdict = await _admit(admission, client_left=client_left)
    except BaseException:
        admission.abandoned()
        raise
    if isinstance(verdict, Refused):
        admission.abandoned()
    return verdict


async def _vocabulary(shared: Shared) -> None:
    """Load it where nobody has counted yet; who comes meanwhile waits behind those before it."""
    async with shared.loading:
        if not shared.counter.ready:
            await asyncio.to_thread(shared.counter.load)


async def _held_back(admission: Admission, *, client_left: Callable[[], bool]) -> None:
    """Wait as long as a threshold says."""
    if admission.delay_seconds:
        delay = float(admission.delay_seconds)
        admission.waited += timedelta(seconds=delay)
        await asyncio.sleep(delay)
        if client_left():
            raise LLMCapError("the client left while its call was held back")


async def _admit(
    admission: Admission, *, client_left: Callable[[], bool]
) -> CallInFlight | Refused:
    late = admission.shared.late
    admitted = await patiently(functools.partial(try_cheap, admission), late)
    if admitted is not None:
        return admitted
    await _vocabulary(admission.shared)
    if admission.work_bytes > COUNT_IN_THREAD_BYTES or admission.must_parse:
        await asyncio.to_thread(admission.count_tokens)
    else:
        admission.count_tokens()
    shared = admission.shared
    wait = float(shared.policy.wait_seconds)
    if not shared.line.blocks(admission.keys):
        verdict = await patiently(functools.partial(decide, admission, patient=wait > 0), late)
        if not isinstance(verdict, Wait):
            return verdict
    if shared.line.full or wait == 0:
        return await patiently(functools.partial(decide_now, admission), late)
    return await _in_line(admission, seconds=wait, client_left=client_left)


async def _in_line(
    admission: Admission, *, seconds: float, client_left: Callable[[], bool]
) -> CallInFlight | Refused:
    line = admission.shared.line
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    turn = asyncio.Event()
    place = line.join(admission.keys, turn.set, admission.call)
    began = loop.time()
    try:
        while True:
            left = min(deadline - loop.time(), WAITER_POLL_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0, left)):
                    await turn.wait()
            turn.clear()
            if client_left():
                raise LLMCapError("the client left while its call waited for money")
            patient = loop.time() < deadline
            if patient and line.blocks(admission.keys, before=place):
                continue
            step = functools.partial(decide, admission, patient=patient)
            verdict = await patiently(step, admission.shared.late)
            if not isinstance(verdict, Wait):
                return verdict
    finally:
        line.leave(place)
        waited = loop.time() - began
        admission.waited += timedelta(seconds=waited)
        admission.shared.gauges.took(WAIT, waited)


async def patiently[Result](step: Callable[[], Result], late: Late) -> Result:
    """Do a ledger step; where the treasury of a fleet has to be asked first, again after that."""
    while True:
        try:
            return await _unlocked(step, late)
        except Unfunded as unfunded:
            await unfunded.fetch()


async def _unlocked[Result](step: Callable[[], Result], late: Late) -> Result:
    """
    Do a ledger step. Where another process writes, do it again when it is its turn, up to a bound.

    One of all that wait in this process asks for the lock, in the order in which they came.
    """
    if not late.turn.locked():
        with contextlib.suppress(LedgerBusy):
            return step()
        await asyncio.sleep(LEDGER_RETRY_SECONDS)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LEDGER_PATIENCE_SECONDS
    async with late.turn:
        while True:
            try:
                return step()
            except LedgerBusy:
                if loop.time() > deadline:
                    raise
            await asyncio.sleep(LEDGER_RETRY_SECONDS)


async def caught_up(shared: Shared) -> None:
    """Wait until all is written that met the write lock of another process, up to a bound."""
    try:
        await patiently(shared.late.catch_up, shared.late)
    except LedgerError as error:  # what is left, the housekeeping tries again
        shared.notify("ledger_error", str(error))
