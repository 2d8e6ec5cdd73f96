"""
A user's program: it asks OpenAI's models, and knows nothing of a proxy or a cap.

Prints one JSON line per call: what it got, or the exception that it met. Stops calling at the first
exception, as programs do. `--stream + --calls=3` does two such things, one after the other.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

import openai
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
        code=getattr(error, "code", None),
        message=str(error),
    )


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the call."""
    if options.api == "embeddings":
        return {"model": "text-embedding-3-small", "input": ["the sea", "the wind"]}
    found = {"model": options.model, **options.extra}
    if options.stream:
        found["stream"] = True
    if options.api == "responses":
        limit = {"max_output_tokens": options.max_tokens} if options.max_tokens else {}
        return {"input": MESSAGES, **limit, **found}
    limit = {"max_completion_tokens": options.max_tokens} if options.max_tokens else {}
    return {"messages": MESSAGES, **limit, **found}


def create(client: Any, api: str) -> Any:
    """The method of the client."""
    return {
        "chat": client.chat.completions.create,
        "responses": client.responses.create,
        "embeddings": client.embeddings.create,
    }[api]


def text_of(chunk: Any) -> str:
    """The words of one chunk of a stream, of either API."""
    if hasattr(chunk, "choices"):
        return (chunk.choices[0].delta.content or "") if chunk.choices else ""
    return chunk.delta if chunk.type == "response.output_text.delta" else ""


def report_stream(chunks: list[Any]) -> None:
    """The words of a stream, and how many chunks have no choice: a surprise, if not asked for."""
    words = "".join(text_of(chunk) for chunk in chunks).split()
    report(words=len(words), bare=sum(not getattr(chunk, "choices", True) for chunk in chunks))


def usage_of(answer: Any) -> Any:
    """Its usage as JSON."""
    return answer.usage.model_dump() if answer.usage else None


def run(options: argparse.Namespace) -> None:
    """One call after the other."""
    client = openai.OpenAI(timeout=patience.SECONDS)
    for _ in range(options.calls):
        try:
            answer = create(client, options.api)(**arguments(options))
            if options.stream:
                report_stream(list(answer))
            else:
                report(usage=usage_of(answer))
        except Exception as error:  # noqa: BLE001 - it reports whatever it met
            failed(error)
            return


async def run_async(options: argparse.Namespace) -> None:
    """All calls at once."""
    async with openai.AsyncOpenAI(timeout=patience.SECONDS) as client:

        async def call() -> None:
            try:
                answer = await create(client, options.api)(**arguments(options))
                if options.stream:
                    report_stream([chunk async for chunk in answer])
                else:
                    report(usage=usage_of(answer))
            except Exception as error:  # noqa: BLE001 - it reports whatever it met
                failed(error)

        await asyncio.gather(*(call() for _ in range(options.calls)))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--api", default="chat", choices=["chat", "responses", "embeddings"])
    parser.add_argument("--model", default="gpt-4o-mini")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--max-tokens", type=int, default=0)
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
