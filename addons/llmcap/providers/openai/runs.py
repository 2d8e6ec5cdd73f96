"""
The wire format of runs of OpenAI's Assistants.

A run works on a thread that only OpenAI has, with the assistant's model unless the request names
one. Its usage is known when it ends: in the stream, or in a later GET of the run.
https://platform.openai.com/docs/api-reference/runs
"""

from llmcap.pricing.terms import TIER
from llmcap.providers.openai.chat import attributes_of
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.reader import BaseReader, count, document, documents, limit_in, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Count, Usage

FEES = ("file_search", "code_interpreter")
ENDED = ("completed", "failed", "incomplete", "expired", "cancelled")


def read_run(request: Request) -> Ask:
    """What a request to start a run asks for."""
    body = request.document()
    content = measure(request)
    kinds = {text(tool.get("type")) for tool in documents(body.get("tools"))}
    fees: dict[str, Count] = {unit: hosted.USES_DEFAULT for unit in FEES if unit in kinds}
    # Without tools of its own it has those of the assistant.
    lent = {} if isinstance(body.get("tools"), list) else dict.fromkeys(FEES, hosted.USES_DEFAULT)
    stream = body.get("stream") is True
    return Ask(
        model=text(body.get("model")),
        stream=stream,
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=limit_in(body.get("max_completion_tokens")) or None,
        extra_input=hosted.USES_DEFAULT * hosted.RESULT_TOKENS // 2 if fees else 0,
        loops=hosted.USES_DEFAULT + 1,
        remote_input=True,
        fees=fees,
        made=text(body.get("assistant_id")) or "an assistant",
        made_fees=lent,
        deferred=not stream,
        attributes=attributes_of(body),
    )


def read_stored(request: Request) -> Ask:
    """What a GET of a run, or a call that goes on with it, asks for: the usage of the run."""
    streams = request.method == "POST" and b'"stream"' in request.body
    return Ask(model="", stream=streams, generates=False)


def limit_run(body: Document, limit: int) -> Document | None:
    """The same request with this limit; the least that the API takes is 256."""
    return {**body, "max_completion_tokens": limit} if limit >= 256 else None


class RunReader(BaseReader):
    """A run, whole or streamed, the call's own or one fetched later."""

    tells_terms = frozenset((TIER,))  # there is only one: runs have none to ask for

    def event(self, event: Document, name: str = "") -> None:
        """One event of a stream: a run, a step, a message or a piece of one."""
        if event.get("object") == "thread.run":
            self.body(event)
        elif event.get("object") == "thread.message.delta":
            for part in documents(document(event.get("delta")).get("content")):
                self.see(document(part.get("text")).get("value"))
        elif event.get("object") == "thread.run.step.delta":
            step = document(document(event.get("delta")).get("step_details"))
            for call in documents(step.get("tool_calls")):
                function = document(call.get("function"))
                self.see_call(function.get("name"))
                self.see(function.get("arguments"))
                self.see(document(call.get("code_interpreter")).get("input"))
        elif name == "error":
            self.fail(event.get("error") or event)

    def body(self, document: Document) -> None:
        """A whole run; a list of runs tells nothing."""
        if document.get("object") != "thread.run":
            return
        self.model = text(document.get("model")) or self.model
        self.response_id = text(document.get("id")) or self.response_id
        if document.get("last_error"):
            self.fail(document["last_error"])
        usage = document.get("usage")
        if document.get("status") in ENDED and isinstance(usage, dict):
            self.charge(run_usage(usage))
            self.complete = True
        elif document.get("status") == "requires_action":
            self.deferred = True


def run_usage(usage: Document) -> Usage:
    """Usage of a run; its details have a name of their own."""
    return Usage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        cache_read=count(document(usage.get("prompt_token_details")).get("cached_tokens")),
    )
