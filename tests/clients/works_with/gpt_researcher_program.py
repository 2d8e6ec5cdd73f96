"""GPT Researcher: a report on documents that are given."""

import asyncio

from gpt_researcher import GPTResearcher
from langchain_core.documents import Document


async def main() -> None:
    """Research, then the report."""
    page = Document(page_content="A greeting is a word. " * 50, metadata={"source": "page"})
    researcher = GPTResearcher(
        query="Say hello.", report_source="langchain_documents", documents=[page]
    )
    await researcher.conduct_research()
    print(await researcher.write_report())


asyncio.run(main())
