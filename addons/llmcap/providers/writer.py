"""
Writer: api.writer.com, chat completions under a path of its own.

Text completions tell no usage at all, and stream bare values.
https://dev.writer.com/api-reference
"""

from dataclasses import replace

from llmcap.providers.compatible import LATER, CompatibleReader, compatible, read_prompt
from llmcap.providers.compatible_tools import own_tools, with_tools
from llmcap.providers.openai.chat import ask_usage, read_chat
from llmcap.providers.parts.limits import MAX_TOKENS
from llmcap.providers.parts.shape import Document, Endpoint


class ValuesReader(CompatibleReader):
    """Completions that come as `{"value": ...}`."""

    def event(self, event: Document, name: str = "") -> None:
        """One piece of text."""
        self.see(event.get("value"))
        super().event(event, name)


CHAT = Endpoint(
    name="chat completions",
    fields="chat",
    read=with_tools(read_chat, own_tools),
    reader=CompatibleReader,
    limit=MAX_TOKENS.lower,
    ask_usage=ask_usage,
)
COMPLETIONS = replace(
    CHAT, name="completions", fields="completions", read=read_prompt, reader=ValuesReader
)

PROVIDER = compatible(
    "writer",
    "api.writer.com",
    more=(
        ("POST", "/v1/chat", CHAT),
        ("POST", "/v1/completions", replace(COMPLETIONS, ask_usage=None)),
        ("POST", "/v1/applications/**", LATER),
        ("POST", "/v1/graphs/question", LATER),
    ),
)
