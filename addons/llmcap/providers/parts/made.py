"""
What is made at a provider and named by calls in place of a model: who tells which model it has.

A request that makes or shows such a thing costs nothing; its answer says what later calls cost by.
"""

from collections.abc import Callable, Iterable
from functools import partial

from llmcap.providers.parts.reader import BaseReader, document, documents, text
from llmcap.providers.parts.shape import Ask, Billing, Document, Endpoint, Request
from llmcap.words.records import Reading
from llmcap.words.usage import Made

# What an answer tells, with what was asked for in `Ask.model`, where it does not say it again.
Parse = Callable[[Document, Ask], Iterable[Made]]


class MadeReader(BaseReader):
    """An answer that shows one thing or a list of them."""

    tells = "the model of what is made"

    def __init__(self, ask: Ask, *, parse: Parse) -> None:
        super().__init__(ask)
        self._parse = parse
        self._made: tuple[Made, ...] = ()

    def body(self, document: Document) -> None:
        """The whole answer."""
        self._made = tuple(each for each in self._parse(document, self.ask) if each.id)

    def reading(self) -> Reading:
        """What it tells of."""
        return Reading(made=self._made)


def read_nothing(request: Request) -> Ask:  # noqa: ARG001  the shape has it
    """It asks for no work."""
    return Ask(model="", generates=False, hidden_work=False)


def making(
    name: str, parse: Parse, *, dialect: str, read: Callable[[Request], Ask] = read_nothing
) -> Endpoint:
    """An endpoint that makes or shows such things."""
    return Endpoint(
        name=name,
        billing=Billing.DEFERRED,
        read=read,
        reader=partial(MadeReader, parse=parse),
        dialect=dialect,
    )


def one_or_listed(told: Document, key: str) -> list[Document]:
    """The things that an answer shows: those of a list, or itself."""
    return documents(told.get(key)) if key in told else [told]


def tools_of(thing: Document) -> tuple[str, ...]:
    """The types of its tools."""
    kinds = (text(tool.get("type")) for tool in documents(thing.get("tools")))
    return tuple(dict.fromkeys(kind for kind in kinds if kind))


def agents(told: Document, ask: Ask, *, key: str = "data") -> Iterable[Made]:  # noqa: ARG001
    """Things with an `id`, a `model` and `tools`: assistants, agents."""
    for each in one_or_listed(told, key):
        if model := text(each.get("model")):
            yield Made(text(each.get("id")), (model,), tools_of(each))


def agents_of_a_project(told: Document, ask: Ask) -> Iterable[Made]:  # noqa: ARG001
    """Foundry's agents: known by name, with versions that each have a definition."""
    for each in one_or_listed(told, "data"):
        latest = document(document(each.get("versions")).get("latest")) or each
        definition = document(latest.get("definition"))
        if model := text(definition.get("model")):
            yield Made(text(each.get("name")), (model,), tools_of(definition))
