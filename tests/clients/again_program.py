"""
A user's program that asks again: as many threads at once as told, a round for each line it reads.

Prints the statuses of a round as a JSON list. Each thread has a client of its own, as workers have.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import openai

threads = int(sys.argv[1])
together = threading.Barrier(threads)
clients = [openai.OpenAI(max_retries=0) for _ in range(threads)]


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


with ThreadPoolExecutor(threads) as pool:
    for _ in sys.stdin:
        print(json.dumps(list(pool.map(ask, clients))), flush=True)
