"""A program that only makes calls that cost nothing, as agents do when they start."""

import json

import anthropic
import httpx
import openai
import patience


def main() -> None:
    """One of each."""
    openai_client = openai.OpenAI(timeout=patience.SECONDS)
    models = list(openai_client.models.list())
    moderation = openai_client.moderations.create(input="the sea")
    tokens = anthropic.Anthropic(timeout=patience.SECONDS).messages.count_tokens(
        model="claude-haiku-4-5", messages=[{"role": "user", "content": "the sea"}]
    )
    telemetry = httpx.post("https://api.anthropic.com/api/event_logging/batch", json={"events": []})
    print(
        json.dumps(
            {
                "models": len(models) > 0,
                "tokens": tokens.input_tokens > 0,
                "moderation": not moderation.results[0].flagged,
                "telemetry": telemetry.status_code,
            }
        )
    )


if __name__ == "__main__":
    main()
