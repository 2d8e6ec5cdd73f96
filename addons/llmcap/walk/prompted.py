"""
What a prompt reads, where that can be told and not only bounded: counted, or by other answers.

Whole answers tell it: what tools of a vendor's own add that are only declared, and what the prompt
read that the next one of its conversation begins with. It is for calls that break off before their
answer has told it.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from llmcap.metering.declared import Key, key_of
from llmcap.providers.parts.leaving import stops
from llmcap.providers.parts.shape import Ask, Endpoint, Provider, Request
from llmcap.shared.state import Shared
from llmcap.words.records import Price, Usage

# The messages of so large a request are counted in a few milliseconds, and hashed in one.
DECLARED_BYTES_MAX = 16 * 1024
ASKED_BYTES_MAX = 256 * 1024


class Asking(Protocol):
    """What has to be known of a call."""

    shared: Shared
    provider: Provider
    endpoint: Endpoint
    request: Request
    ask: Ask
    prices: list[Price]  # the asked model's first

    @property
    def shows_tools(self) -> bool:
        """Whether its stream shows each call of its vendor's own tools as it begins."""
        ...


def learn(call: Asking, usage: Usage) -> None:
    """So much was billed for a whole answer."""
    _learn_declared(call, usage)
    # What a use of a tool has found was read too, and a bill by other units tells no tokens.
    if usage.input_tokens and not usage.extras and _is_worth(call):
        body = call.request.document()
        call.shared.asked.learn(_reader(call), body, usage.input_tokens)


def tokens_of(call: Asking, request: Request) -> int | None:
    """
    The tokens of its prompt where they are known: of the request as it was, or of one without the
    tools that it only declared. For one whose text was counted: the cheap bound is then not enough.
    """
    prompt = call.endpoint.prompt
    tokens = _counted(call, prompt(request.document())) if prompt is not None else None
    if tokens is None:
        return _told_before(call) if _is_worth(call) else None
    if request is call.request:
        return tokens
    return tokens + call.shared.declared.tokens(_declared(call))


def wait(call: Asking, told: Callable[[int], None]) -> None:
    """
    It broke off before anything told what its prompt has read: `told` is called where a later
    answer of its conversation does, with the most that it can be.
    """
    if _is_worth(call) and _told_before(call) is None:
        body, size = call.request.document(), call.ask.text_bytes
        call.shared.asked.wait(_reader(call), body, size, told)


# --- what stands in the request, counted ------------------------------------------------------


def _counted(call: Asking, messages: list[str] | None) -> int | None:
    if messages is None:
        return None
    seller, model = call.provider.name, call.ask.model
    return call.shared.counter.read(messages, family=seller, model=model)


def _learn_declared(call: Asking, usage: Usage) -> None:
    """A whole answer tells what the vendor's tools that were declared add to a prompt."""
    shared, endpoint = call.shared, call.endpoint
    if endpoint.using_tools is None or endpoint.prompt is None or not call.shows_tools:
        return
    if call.ask.text_bytes > DECLARED_BYTES_MAX or not shared.counter.ready:
        return
    key = _declared(call)
    if shared.declared.wants(key):
        bare = endpoint.using_tools(call.request.document(), 0)
        messages = _counted(call, endpoint.prompt(bare))
        if messages is not None:
            shared.declared.learn(key, usage.input_tokens - messages)


def _declared(call: Asking) -> Key:
    return key_of(call.provider.name, call.ask.model, call.request.document())


# --- what an answer of its conversation has told ----------------------------------------------


def _is_worth(call: Asking) -> bool:
    """
    Whether what its prompt reads is worth knowing for the next one of its conversation.

    Not where an answer begins with that, as Anthropic's, nor where it is counted; and nothing may
    be read that does not stand in the request, as JSON. A router has other models read the next.
    """
    ask, endpoint = call.ask, call.endpoint
    elsewhere = ask.media or ask.remote or ask.remote_input or ask.other_models or ask.instead
    is_counted = endpoint.prompt is not None and not ask.tools
    return (
        ask.stream
        and ask.text_bytes <= ASKED_BYTES_MAX
        and endpoint.limit_body is None
        and endpoint.dialect != "anthropic"
        and stops(call.provider.name, stream=True)
        and not (elsewhere or ask.unread or ask.lots or is_counted or call.prices[0].serves)
    )


def _told_before(call: Asking) -> int | None:
    """The most that it reads, by the answer to a prompt that it begins with."""
    shared = call.shared
    bound = partial(shared.counter.bound, family=call.provider.name)
    return shared.asked.most(_reader(call), call.request.document(), bound)


def _reader(call: Asking) -> str:
    """Who reads it, in what vocabulary: a deployment's model stands in its host or its path."""
    request = call.request
    return f"{call.provider.name} {request.host} {request.path} {call.ask.model}"
