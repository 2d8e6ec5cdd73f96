"""
A user's program: it asks Google's models, and knows nothing of a proxy or a cap.

Prints one JSON line per call: what it got, or the exception that it met. Stops calling at the first
exception, as programs do. `--stream + --calls=3` does two such things, one after the other.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

from google import genai

CONTENTS = "Say something about the sea, and then about the wind."


def report(**fields: Any) -> None:
    """One line."""
    print(json.dumps(fields), flush=True)


def failed(error: Exception) -> None:
    """What a program can learn from an exception."""
    report(
        error=type(error).__name__,
        bases=[base.__name__ for base in type(error).__mro__],
        status=getattr(error, "code", None),
        code=getattr(error, "status", None),
        message=str(error),
    )


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the call."""
    if options.api == "embed":
        return {"model": "gemini-embedding-001", "contents": ["the sea", "the wind"]}
    limit = {"max_output_tokens": options.max_tokens} if options.max_tokens else {}
    config = {**limit, **options.extra}
    return {"model": options.model, "contents": CONTENTS, **({"config": config} if config else {})}


def run(client: genai.Client, options: argparse.Namespace) -> None:
    """One call after the other."""
    for _ in range(options.calls):
        try:
            if options.api == "embed":
                answer = client.models.embed_content(**arguments(options))
                report(vectors=len(answer.embeddings))
            elif options.stream:
                chunks = list(client.models.generate_content_stream(**arguments(options)))
                words = "".join(chunk.text or "" for chunk in chunks).split()
                report(words=len(words), total=chunks[-1].usage_metadata.total_token_count)
            else:
                answer = client.models.generate_content(**arguments(options))
                report(total=answer.usage_metadata.total_token_count)
        except Exception as error:  # noqa: BLE001 - it reports whatever it met
            failed(error)
            return


async def run_async(client: genai.Client, options: argparse.Namespace) -> None:
    """All calls at once."""

    async def call() -> None:
        try:
            if options.stream:
                stream = await client.aio.models.generate_content_stream(**arguments(options))
                words = "".join([chunk.text or "" async for chunk in stream]).split()
                report(words=len(words))
            else:
                answer = await client.aio.models.generate_content(**arguments(options))
                report(total=answer.usage_metadata.total_token_count)
        except Exception as error:  # noqa: BLE001 - it reports whatever it met
            failed(error)

    await asyncio.gather(*(call() for _ in range(options.calls)))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--api", default="generate", choices=["generate", "embed"])
    parser.add_argument("--model", default="gemini-2.5-flash")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--max-tokens", type=int, default=0)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--parallel", action="store_true")
    parser.add_argument("--extra", type=json.loads, default={}, help="more of the config, as JSON")
    for plan in plans(sys.argv[1:]):
        options = parser.parse_args(plan)
        if options.parallel:
            asyncio.run(run_async(genai.Client(), options))
        else:
            run(genai.Client(), options)


def plans(argv: list[str]) -> list[list[str]]:
    """The command line, split at each `+`."""
    found: list[list[str]] = [[]]
    for argument in argv:
        if argument == "+":
            found.append([])
        else:
            found[-1].append(argument)
    return found


if __name__ == "__main__":
    main()
