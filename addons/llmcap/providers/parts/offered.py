"""
All tools that a request offers its model, wherever they stand in it.

Beside the list that a request begins with, a conversation brings tools along: OpenAI's items
`additional_tools` and `tool_search_output` (openai 3.52, `response_input_item_param.py`), which
Codex sends all of its own in, and Anthropic's blocks `tool_addition` (anthropic 2.11,
`beta_tool_change_tool_definition_param.py`). A `namespace` is a list of tools itself.
`findings/codex_tools_in_conversation.sh` shows the first.
"""

from collections.abc import Iterator

from llmcap.providers.parts.reader import document, documents
from llmcap.providers.parts.shape import Document
from llmcap.words.errors import FormatError

BRINGING = ("additional_tools", "tool_search_output")
ADDING = "tool_addition"

# How deep a list of tools may stand in another.
_DEPTH_MAX = 4


def listed(value: object) -> list[Document]:
    """
    The objects of a list, and one that stands alone: Google's JSON takes that for a list of one.

    Vertex's own samples have `"tools": {"retrieval": ...}`:
    https://cloud.google.com/vertex-ai/generative-ai/docs/rag-engine/rag-quickstart
    """
    return documents([value] if isinstance(value, dict) else value)


def only_objects(value: object, name: str) -> list[Document]:
    """
    The same. Raises `FormatError` for a list that has anything else in it, or none.

    A name alone may be all that a vendor asks for (MiniMax's `plugins: ["plugin_web_search"]`), and
    only it knows what that stands for.
    """
    given = value if isinstance(value, list) else [value]
    for each in given:
        if each and not isinstance(each, dict):
            raise FormatError(f"nobody knows what {str(each)!r:.60} in {name!r} costs")
    return [each for each in documents(given) if each]


def offered(body: Document) -> list[Document]:
    """Every tool, with its own fields; those of a namespace in its place."""
    found = list(_flat(body.get("tools"), 0))
    for item in documents(body.get("input")):
        if item.get("type") in BRINGING:
            found += _flat(item.get("tools"), 0)
    for message in documents(body.get("messages")):
        for block in documents(message.get("content")):
            if block.get("type") == ADDING:
                # Else it names one that stands elsewhere.
                found += _flat([document(block.get("tool")).get("definition")], 0)
    return found


def _flat(tools: object, depth: int) -> Iterator[Document]:
    for tool in listed(tools):
        if isinstance(tool.get("tools"), list) and depth < _DEPTH_MAX:
            yield from _flat(tool["tools"], depth + 1)
        elif tool:
            yield tool
