"""
A tool that cannot be modified: it asks two providers, and has never heard of a proxy or a cap.

The demo runs it as any program is run behind LLMCap, with HTTPS_PROXY and a CA in its environment.
"""

import json

import anthropic
import openai

QUESTION = "Write the next chapter of the report."
CHAPTERS = 2
PAGES_MAX = 100


def main() -> None:
    """Some chapters from one model, then pages from a dearer one, until somebody stops it."""
    writer = openai.OpenAI()
    for chapter in range(1, CHAPTERS + 1):
        answer = writer.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}]
        )
        print(f"gpt-4o            chapter {chapter}  {answer.usage.completion_tokens:5} tokens")

    reviewer = anthropic.Anthropic()
    for page in range(1, PAGES_MAX + 1):
        try:
            with reviewer.messages.stream(
                model="claude-haiku-4-5",
                max_tokens=4000,
                messages=[{"role": "user", "content": QUESTION}],
            ) as stream:
                message = stream.get_final_message()
        except anthropic.APIStatusError as error:
            show(error)
            return
        print(
            f"claude-haiku-4-5  page {page}     {message.usage.output_tokens:5} tokens"
            f"   ({message.stop_reason})"
        )


def show(error: anthropic.APIStatusError) -> None:
    """The refusal as the package raised it."""
    print(f"\nanthropic.{type(error).__name__}: HTTP {error.status_code}")
    for name, value in sorted(error.response.headers.items()):
        if name.startswith("x-"):
            print(f"  {name}: {value}")
    print(json.dumps(error.body, indent=2))


if __name__ == "__main__":
    main()
