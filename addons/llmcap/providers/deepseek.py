"""
DeepSeek: api.deepseek.com. Its price goes by the clock, which is the price book's business.

https://api-docs.deepseek.com
"""

from collections.abc import Mapping

from llmcap.providers.compatible import Api, InsideChatReader, compatible
from llmcap.providers.openai.responses import ResponsesReader
from llmcap.providers.parts.shape import Document
from llmcap.words.records import Count


class FreeToolsReader(ResponsesReader):
    """Responses whose searches are billed as the tokens that they read, and as nothing else."""

    def units(self, response: Document) -> Mapping[str, Count]:  # noqa: ARG002  the shape has it
        """No tool has a fee."""
        return {}


PROVIDER = compatible(
    "deepseek",
    "api.deepseek.com",
    bases=("/v1", "", "/beta"),
    messages=("/anthropic/v1",),
    api=Api(chat=InsideChatReader, responses=FreeToolsReader),
)
