"""
OpenAI's containers, in which a model's code and commands run, and searches of its vector stores.

A container is billed by its memory for twenty minutes: $0.03 for a gigabyte, and in proportion for
more. Those that end sooner may cost less; one that is used again is billed with the response that
uses it. A search of a store costs the same whether a model makes it or a program.
https://developers.openai.com/api/docs/pricing, "Built-in tools"
"""

from llmcap.providers.parts.reader import BaseReader, document, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Usage

# Sessions of the smallest container that one of this size costs.
_SIZES = {"1g": 1, "4g": 4, "16g": 16, "64g": 64}
SIZE_MAX = max(_SIZES.values())

# The entries of the price book for what no model does.
CONTAINER = "container"
STORE = "vector-store"


def size_of(told: Document) -> int:
    """How many of the smallest containers this one costs; the smallest where nothing is said."""
    limit = told.get("memory_limit")
    return 1 if limit is None else _SIZES.get(text(limit), SIZE_MAX)


def container_of(tool: Document) -> Document | None:
    """The container that a tool of a request runs in; None for tools that need none."""
    kind = text(tool.get("type"))
    if kind.startswith("code_interpreter"):
        return document(tool.get("container"))  # an id says nothing of its size
    environment = document(tool.get("environment"))
    if kind == "shell" and text(environment.get("type")).startswith("container"):
        return environment
    return None


def read_container(request: Request) -> Ask:
    """What a request to make a container asks for."""
    size = size_of(request.document())
    return Ask(model=CONTAINER, generates=False, hidden_work=False, fees={"code_interpreter": size})


def read_search(request: Request) -> Ask:  # noqa: ARG001 - the shape of `read`
    """What a search of a vector store asks for: one search, whatever it finds."""
    return Ask(model=STORE, generates=False, hidden_work=False, fees={"file_search": 1})


class SideReader(BaseReader):
    """What no model did: it costs what was asked for, once it was done."""

    tells = "uses asked for"

    def body(self, document: Document) -> None:
        """The whole answer."""
        if document.get("error"):
            self.fail(document["error"])
        else:
            self.response_id = text(document.get("id")) or None
            self.charge(Usage(extras=self.ask.fees))
            self.complete = True
