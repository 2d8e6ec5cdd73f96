"""
The guard round what decides: whatever fails there refuses the call.

It may work at once, or give an awaitable where it has to wait; both are guarded. Against
everything: what a library written in Rust panics with (`pyo3_runtime.PanicException`, tiktoken's on
some texts) is no `Exception`, and mitmproxy logs nothing then and answers nobody.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from mitmproxy import http

from llmcap.shell import cut
from llmcap.shell.flows import last_words
from llmcap.shell.keeper import Fields, Work
from llmcap.words.errors import TreasuryError, Unfunded
from llmcap.words.records import Policy
from llmcap.words.told import Log

logger = Log(__name__)

Hook = Callable[[Any, http.HTTPFlow, Fields], Work]

# What ends the program or the task, and is no failure of a hook.
ENDINGS = (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)


class Shell(Protocol):
    """Whose decisions are guarded."""

    def failed(self, flow: http.HTTPFlow, error: BaseException) -> None:
        """Do what has to be done instead."""
        ...


def guarded(hook: Hook) -> Hook:
    """Refuse the call when the decision fails, at once or later, unless told to `fail_open`."""

    @functools.wraps(hook)
    def safe(self: Shell, flow: http.HTTPFlow, came: Fields) -> Work:
        try:
            work = hook(self, flow, came)
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, mitmproxy would forward
            failed(self, flow, error)
            return None
        return None if work is None else finished(self, flow, work)

    async def finished(self: Shell, flow: http.HTTPFlow, work: Awaitable[None]) -> None:
        try:
            await work
        except ENDINGS:
            raise
        except BaseException as error:  # noqa: BLE001 - likewise
            failed(self, flow, error)

    return safe


def fails_open(policy: Policy, error: BaseException) -> bool:
    """Whether what failed lets a call pass. That a fleet has no money for it is no failure."""
    return policy.fail_open and not isinstance(error, TreasuryError | Unfunded)


def failed(shell: Shell, flow: http.HTTPFlow, error: BaseException) -> None:
    """Have the shell refuse; where even that fails, refuse here."""
    try:
        shell.failed(flow, error)
    except ENDINGS:
        raise
    except BaseException as worse:
        logger.error("LLMCap failed at last", exc_info=worse)  # noqa: TRY400 - not `error`
        if not cut.was_sent(flow.id):
            flow.response = last_words()
