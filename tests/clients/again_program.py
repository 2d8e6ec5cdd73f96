"""
A user's program that asks again: as many threads at once as told, a round for each line it reads.

Prints the statuses of a round as a JSON list. Each thread has a client of its own, as workers have;
with the line `anew` all get new ones. No call of theirs is sent before all have a connection:
however slow the machine is, they are under way together.
"""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import patience

threads = int(sys.argv[1])
together = threading.Barrier(threads)
connecting = threading.Event()  # set while all clients are new


def made() -> Iterator[openai.OpenAI]:
    """A client for each thread."""
    for _ in range(threads):
        hooks = {"request": [watched]}
        http = openai.DefaultHttpxClient(event_hooks=hooks)
        yield openai.OpenAI(max_retries=0, timeout=patience.SECONDS, http_client=http)


def watched(request: Any) -> None:
    """Have its connection tell what happens."""
    request.extensions["trace"] = happened


def happened(event: str, _: dict[str, Any]) -> None:
    """Once a connection to the proxy is open, wait for those of the others."""
    if connecting.is_set() and event == "connection.connect_tcp.complete":
        together.wait()


def ask(client: openai.OpenAI) -> int:
    """The status of one call."""
    together.wait()
    try:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "again"}], max_tokens=50
        )
    except openai.APIStatusError as error:
        return error.status_code
    return 200


clients: list[openai.OpenAI] = []
with ThreadPoolExecutor(threads) as pool:
    for line in sys.stdin:
        if line == "anew\n":
            clients = list(made())
            connecting.set()
        print(json.dumps(list(pool.map(ask, clients))), flush=True)
        connecting.clear()
