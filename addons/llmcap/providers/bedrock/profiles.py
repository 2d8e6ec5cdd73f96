"""
Profiles and routers of Bedrock, which stand for models in the paths of calls: who tells of them.

An application inference profile is made of a model, or of a profile that AWS has, and its ARN says
nothing of it. A prompt router chooses among several.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateInferenceProfile.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreatePromptRouter.html
"""

from collections.abc import Iterable

from llmcap.providers.bedrock.usage import stands_for
from llmcap.providers.parts.made import making, one_or_listed
from llmcap.providers.parts.reader import document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.usage import Made

_ARNS = ("inferenceProfileArn", "promptRouterArn")


def read_made_of(request: Request) -> Ask:
    """Which models a thing is made of: the answer to its making has no more than its name."""
    if request.method != "POST":
        return Ask(model="", generates=False, hidden_work=False)
    body = request.document()
    source = text(document(body.get("modelSource")).get("copyFrom"))
    models = (source,) if source else _models(body)
    return Ask(model="", other_models=models, generates=False, hidden_work=False)


def told_of(told: Document, ask: Ask) -> Iterable[Made]:
    """What an answer says, of one or of many."""
    for key in ("inferenceProfileSummaries", "promptRouterSummaries"):
        if key in told:
            return [each for thing in one_or_listed(told, key) for each in _one(thing, ())]
    return _one(told, ask.other_models)


def _one(thing: Document, made_of: tuple[str, ...]) -> list[Made]:
    arn = next((arn for name in _ARNS if stands_for(arn := text(thing.get(name)))), "")
    models = _models(thing) or made_of
    return [Made(arn, models)] if arn and models else []


def _models(thing: Document) -> tuple[str, ...]:
    """The models of a thing, the one that it falls back to among them, each once."""
    told = [*documents(thing.get("models")), document(thing.get("fallbackModel"))]
    names = (text(each.get("modelArn")) for each in told)
    return tuple(dict.fromkeys(name for name in names if name))


PROFILES = making("profiles and routers", told_of, dialect="bedrock", read=read_made_of)
