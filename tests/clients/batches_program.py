"""
A user's program: it orders batches and has texts read aloud, and knows nothing of a proxy or a cap.

Prints one JSON line per order: how it ended, or the exception that it met. `openai`, `gemini`,
`gemini-file`, `gemini-embed` and `speech` are the kinds; `--leave` does not wait for the end,
`--look=NAME` only looks at a batch that was ordered before, `--cancel` cancels it.
"""

import argparse
import io
import json
import time
from typing import Any

import openai
import patience
from google import genai
from google.genai import types

CALLS = 3
MODEL = "gemini-2.5-flash"
POLL_SECONDS = 0.02
ENDED = ("completed", "failed", "expired", "cancelled")


def report(**fields: Any) -> None:
    """One line."""
    print(json.dumps(fields), flush=True)


def openai_batch(options: argparse.Namespace) -> None:
    """Upload, order, wait, download: as the guide has it."""
    client = openai.OpenAI(timeout=patience.SECONDS)
    name = options.look
    if not name:
        lines = [
            {
                "custom_id": str(number),
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": "gpt-4o-mini",
                    "max_tokens": options.max_tokens,
                    "messages": [{"role": "user", "content": f"Say something about {number}."}],
                },
            }
            for number in range(CALLS)
        ]
        file = client.files.create(
            file=("calls.jsonl", "\n".join(map(json.dumps, lines)).encode()), purpose="batch"
        )
        made = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        name = made.id
    if options.cancel:
        client.batches.cancel(name)
    batch = client.batches.retrieve(name)
    while not options.leave and batch.status not in ENDED:
        time.sleep(POLL_SECONDS)
        batch = client.batches.retrieve(name)
    answers = 0
    if batch.output_file_id:
        answers = len(client.files.content(batch.output_file_id).text.splitlines())
    report(name=name, status=batch.status, answers=answers)


def gemini_batch(options: argparse.Namespace) -> None:
    """Calls in the request, in a file, or for embeddings."""
    client = genai.Client()
    config = {"max_output_tokens": options.max_tokens}
    contents = [{"parts": [{"text": "Say something about the sea."}], "role": "user"}]
    if options.kind == "gemini-file":
        call = {"contents": contents, "generationConfig": {"maxOutputTokens": options.max_tokens}}
        lines = "\n".join(json.dumps({"key": str(n), "request": call}) for n in range(CALLS))
        file = client.files.upload(
            file=io.BytesIO(lines.encode()), config=types.UploadFileConfig(mime_type="jsonl")
        )
        batch = client.batches.create(model=MODEL, src=file.name)
    elif options.kind == "gemini-embed":
        batch = client.batches.create_embeddings(
            model="gemini-embedding-001",
            src={"inlined_requests": {"contents": ["the sea", "the wind"]}},
        )
    else:
        calls = [{"contents": contents, "config": config} for _ in range(CALLS)]
        batch = client.batches.create(model=MODEL, src=calls)
    if options.cancel:
        client.batches.cancel(name=batch.name)
    while batch.state.name in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"):
        time.sleep(POLL_SECONDS)
        batch = client.batches.get(name=batch.name)
    answers = batch.dest.inlined_responses or batch.dest.inlined_embed_content_responses or []
    if batch.dest.file_name:
        answers = client.files.download(file=batch.dest.file_name).splitlines()
    report(name=batch.name, status=batch.state.name, answers=len(answers))


def speech(options: argparse.Namespace) -> None:
    """A text read aloud."""
    sound = openai.OpenAI(timeout=patience.SECONDS).audio.speech.create(
        model="tts-1", voice="alloy", input="The sea, and then the wind."
    )
    report(sound=len(sound.read()))


def main() -> None:
    """What was asked for, and whatever it met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--look", default="")
    parser.add_argument("--leave", action="store_true")
    parser.add_argument("--cancel", action="store_true")
    options = parser.parse_args()
    kinds = {"openai": openai_batch, "speech": speech}
    try:
        kinds.get(options.kind, gemini_batch)(options)
    except Exception as error:  # noqa: BLE001 - it reports whatever it met
        report(error=type(error).__name__, message=str(error))


if __name__ == "__main__":
    main()
