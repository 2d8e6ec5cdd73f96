"""
Moonshot: api.moonshot.ai, whose models ask for its web search as they ask for a function.

https://platform.kimi.ai/docs
"""

from typing import Any

from llmcap.providers.compatible import Api, CompatibleReader, compatible
from llmcap.providers.compatible_tools import BUILT_IN, with_kept
from llmcap.providers.parts.limits import either
from llmcap.providers.parts.reader import document
from llmcap.providers.parts.shape import Ask


class SearchCallsReader(CompatibleReader):
    """Chat completions that ask for searches: each is billed when it is asked for."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self.told = {"web_search": 0} if ask.fees else {}

    def _see_function(self, function: Any) -> None:
        super()._see_function(function)
        if document(function).get("name") == BUILT_IN:
            self.told["web_search"] = self.told.get("web_search", 0) + 1


PROVIDER = compatible(
    "moonshotai",
    "api.moonshot.ai",
    "api.moonshot.cn",
    messages=("/anthropic/v1",),
    # https://platform.kimi.ai/docs/api/chat: both, the older one deprecated
    api=Api(chat=SearchCallsReader, limits=either, reads=with_kept),
)
