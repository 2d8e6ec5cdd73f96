"""PaperQA: a question about one text."""

import asyncio
from pathlib import Path

from paperqa import Docs, Settings

TEXT = Path("greetings.txt")
TEXT.write_text("A greeting is a word that is said when people meet. " * 40)


async def main() -> None:
    """Read the text, then ask."""
    model = "gpt-4o-mini"
    settings = Settings(llm=model, summary_llm=model, embedding="text-embedding-3-small")
    docs = Docs()
    await docs.aadd(
        TEXT, citation="Greetings, 2026", docname="greetings", settings=settings,
        title="Greetings", doi="10.0/0", authors=["Somebody"],
    )  # fmt: skip
    print((await docs.aquery("Say hello.", settings=settings)).answer)


asyncio.run(main())
