"""
Which field of a chat completions request limits its output, by who obeys it.

OpenAI has two names for it, and whoever speaks its format has one of them or both. A name that a
vendor does not know is skipped by it, and the answer is as long as the model likes: so only what a
vendor documents bounds a call there, and a clamp writes a name that it obeys. Most compatible
vendors know `max_tokens` alone (litellm 1.106, `llms/openai_like/chat/transformation.py`, which
renames the other one for them).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llmcap.providers.parts.reader import limit_in
from llmcap.providers.parts.shape import Document

NEW, OLD = "max_completion_tokens", "max_tokens"


@dataclass(frozen=True, slots=True)
class Limits:
    """The fields that one vendor obeys, the one that is written where a request has none first."""

    obeyed: tuple[str, ...]

    def of(self, body: Document) -> int | None:
        """
        The limit for each choice; of several the highest, as it is not known which one counts.

        None where nothing limits it: 0 is refused by some, and the model's own limit with others.
        The same goes for whatever stands there and is no limit, even beside one that is.
        """
        limits = [limit_in(value) for name in self.obeyed if (value := body.get(name)) is not None]
        return highest(limits)

    def lower(self, body: Document, limit: int) -> Document | None:
        """The same request with this limit, in each field that it has and in one that is obeyed."""
        if limit < 1:
            return None
        changed = {name: limit for name in (NEW, OLD) if body.get(name) is not None}
        if not any(name in changed for name in self.obeyed):
            changed[self.obeyed[0]] = limit
        return {**body, **changed}


def highest(limits: Iterable[int | None]) -> int | None:
    """The highest of several limits; None where there is none, or one of them is endless."""
    found = list(limits)
    return None if None in found else max((limit for limit in found if limit), default=None)


# OpenAI: `max_tokens` is refused by reasoning models, `max_completion_tokens` by none.
# https://platform.openai.com/docs/api-reference/chat/create
BOTH = Limits((NEW, OLD))
# The names are an older and a newer one of the same, and the older one is taken by all models.
EITHER = Limits((OLD, NEW))
MAX_TOKENS = Limits((OLD,))

LimitsOf = Callable[[Document], Limits]

_OPENAI_MODELS = ("gpt-", "chatgpt-", "o1", "o3", "o4", "codex-")


def both(_: Document) -> Limits:
    """Those of OpenAI."""
    return BOTH


def either(_: Document) -> Limits:
    """Those of vendors that document both."""
    return EITHER


def max_tokens(_: Document) -> Limits:
    """Those of vendors that document one, or nothing."""
    return MAX_TOKENS


def by_model(body: Document) -> Limits:
    """Those of sellers that hand requests on: OpenAI's models obey both, of others nobody says."""
    model = body.get("model")
    name = model.rpartition("/")[2].lower() if isinstance(model, str) else ""
    return BOTH if name.startswith(_OPENAI_MODELS) else MAX_TOKENS
