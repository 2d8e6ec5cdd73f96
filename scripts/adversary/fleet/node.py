"""
One node as a process: a firewall as a proxy has it, told by lines of JSON what its clients want.

    python -m adversary.fleet.node --config FILE --ledger FILE --port DESK [--ahead SECONDS]

To the desk it says `{"ready": true}` or `{"failed": why}`, and of each call `{"ask": id, "body":
...}` when it may go and `{"done": id, "fate": ..., "said": ...}` when it is over. From there come
`{"call": id, "body": ...}`, `{"answer": id, "body": ...}` and `{"stop": true}`.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import time
from typing import Any

HOUSEKEEPING_SECONDS = 1


def shift_clock(ahead: float) -> None:
    """Let this process believe that it is so much later; waiting takes as long as ever."""
    real, real_time = dt.datetime, time.time
    span = dt.timedelta(seconds=ahead)

    class Shifted(real):  # type: ignore[misc, valid-type]
        """Tells another time."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            """Later, or earlier."""
            return real.now(tz) + span

    dt.datetime = Shifted  # type: ignore[misc]
    time.time = lambda: real_time() + ahead


class Node:
    """The firewall, and the line to the desk."""

    def __init__(self, firewall: Any, writer: asyncio.StreamWriter) -> None:
        self._firewall = firewall
        self._writer = writer
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, **line: object) -> None:
        """One line to the desk."""
        self._writer.write(json.dumps(line).encode() + b"\n")

    async def obey(self, reader: asyncio.StreamReader) -> None:
        """Do what the desk says until it says `stop`, or is gone."""
        while line := await reader.readline():
            told = json.loads(line)
            if "call" in told:
                task = asyncio.create_task(self._call(told["call"], told["body"].encode()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            elif "answer" in told:
                self._answers.pop(told["answer"]).set_result(told["body"])
            elif "stop" in told:
                await asyncio.gather(*self._tasks, return_exceptions=True)
                return

    async def _call(self, number: int, body: bytes) -> None:
        from llmcap.words.errors import LLMCapError  # noqa: PLC0415 - after the clock

        try:
            fate, said = await self._outcome(number, body)
        except LLMCapError as error:
            fate, said = "failed", str(error)
        self.say(done=number, fate=fate, said=said)

    async def _outcome(self, number: int, body: bytes) -> tuple[str, str]:
        """What a proxy does with a request, and what becomes of it."""
        from llmcap.providers.parts.shape import Request  # noqa: PLC0415
        from llmcap.walk.admission import Admission  # noqa: PLC0415
        from llmcap.walk.answers import Refused  # noqa: PLC0415
        from llmcap.walk.attributes import Facts  # noqa: PLC0415
        from llmcap.walk.patience import admit, admit_at_once, caught_up  # noqa: PLC0415

        request = Request(
            method="POST", host="api.openai.com", path="/v1/chat/completions", body=body
        )
        considered = self._firewall.consider(request, Facts())
        if isinstance(considered, Refused):
            return "refused", considered.refusal.message
        assert isinstance(considered, Admission), considered
        call = admit_at_once(considered)
        if call is None:
            verdict = await admit(considered, client_left=lambda: False)
            if isinstance(verdict, Refused):
                return "refused", verdict.refusal.message
            call = verdict
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.say(ask=number, body=(call.body or body).decode())
        said = await answer
        call.responded(200, {"content-type": "application/json"}, streams=False)
        call.feed(said.encode())
        call.finish()
        if self._firewall.shared.late:
            await caught_up(self._firewall.shared)
        return "served", ""

    async def keep_house(self) -> None:
        """As the addon does: where the desk writes to the ledger just now, in a second again."""
        from llmcap.words.errors import LedgerBusy  # noqa: PLC0415

        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            with contextlib.suppress(LedgerBusy):
                self._firewall.keep_house()


async def run(config: str, ledger: str, port: int) -> None:
    """Open, obey, close."""
    from llmcap.assembly import open_firewall, settings_from  # noqa: PLC0415 - after the clock
    from llmcap.words.errors import LLMCapError  # noqa: PLC0415

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        settings = settings_from(cap="", config=config, ledger=ledger, environ={})
        firewall = open_firewall(settings, notify=lambda kind, text: print(f"{kind}: {text}"))
    except LLMCapError as error:
        Node(None, writer).say(failed=str(error))
        await writer.drain()
        writer.close()
        return
    node = Node(firewall, writer)
    node.say(ready=True)
    house = asyncio.create_task(node.keep_house())
    try:
        await node.obey(reader)
    finally:
        house.cancel()
        firewall.close()
        with contextlib.suppress(OSError):
            writer.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ahead", type=float, default=0)
    options = parser.parse_args()
    if options.ahead:
        shift_clock(options.ahead)
    asyncio.run(run(options.config, options.ledger, options.port))


if __name__ == "__main__":
    main()
