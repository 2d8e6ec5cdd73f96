"""
A user's program: it asks Anthropic's models, and knows nothing of a proxy or a cap.

Prints one JSON line per call: what it got, or the exception that it met. Stops calling at the first
exception, as programs do. `--stream + --calls=3` does two such things, one after the other.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

import anthropic
import patience

MESSAGES = [{"role": "user", "content": "Say something about the sea, and then about the wind."}]


def report(**fields: Any) -> None:
    """One line."""
    print(json.dumps(fields), flush=True)


def failed(error: Exception) -> None:
    """What a program can learn from an exception."""
    report(
        error=type(error).__name__,
        bases=[base.__name__ for base in type(error).__mro__],
        status=getattr(error, "status_code", None),
        message=str(error),
    )


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the call."""
    return {
        "model": options.model,
        "messages": MESSAGES,
        "max_tokens": options.max_tokens,
        **options.extra,
    }


def run(options: argparse.Namespace) -> None:
    """One call after the other."""
    client = anthropic.Anthropic(timeout=patience.SECONDS)
    for _ in range(options.calls):
        try:
            if options.stream:
                with client.messages.stream(**arguments(options)) as stream:
                    words = "".join(stream.text_stream).split()
                    report(words=len(words), usage=stream.get_final_message().usage.model_dump())
            else:
                answer = client.messages.create(**arguments(options))
                report(usage=answer.usage.model_dump())
        except Exception as error:  # noqa: BLE001 - it reports whatever it met
            failed(error)
            return


async def run_async(options: argparse.Namespace) -> None:
    """All calls at once."""
    async with anthropic.AsyncAnthropic(timeout=patience.SECONDS) as client:

        async def call() -> None:
            try:
                if options.stream:
                    async with client.messages.stream(**arguments(options)) as stream:
                        words = [text async for text in stream.text_stream]
                        report(words=len("".join(words).split()))
                else:
                    answer = await client.messages.create(**arguments(options))
                    report(usage=answer.usage.model_dump())
            except Exception as error:  # noqa: BLE001 - it reports whatever it met
                failed(error)

        await asyncio.gather(*(call() for _ in range(options.calls)))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="claude-haiku-4-5")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--max-tokens", type=int, default=500)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--parallel", action="store_true")
    parser.add_argument("--extra", type=json.loads, default={}, help="more arguments, as JSON")
    for plan in plans(sys.argv[1:]):
        options = parser.parse_args(plan)
        if options.parallel:
            asyncio.run(run_async(options))
        else:
            run(options)


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
