"""
Mistral's conversations and agents: connectors have fees, and what they find is read.

https://docs.mistral.ai/api, https://mistral.ai/pricing
"""

from dataclasses import replace

from llmcap.providers.mistral.chat import MistralReader
from llmcap.providers.openai.chat import attributes_of, read_chat
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.limits import MAX_TOKENS
from llmcap.providers.parts.reader import count, document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.records import Count, Usage

# Tools that Mistral runs for a fee, which an agent may have.
CONNECTORS = ("web_search", "web_search_premium", "code_interpreter", "image_generation")


def read_conversation(request: Request) -> Ask:
    """What a turn of a conversation asks for; the agent's model is known to Mistral only."""
    body = request.document()
    content = measure(request)
    kinds = {text(tool.get("type")) for tool in documents(body.get("tools"))} - {"function"}
    fees: dict[str, Count] = {kind: hosted.USES_DEFAULT for kind in kinds if kind}
    tools = hosted.tools({next(iter(fees)): hosted.USES_DEFAULT}) if fees else hosted.NONE
    continues = request.path.rstrip("/").rpartition("/")[2]
    previous = "" if continues == "conversations" else request.path.strip("/").split("/")[2]
    limit = MAX_TOKENS.of(document(body.get("completion_args")))
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        text_bytes=content.text_bytes,
        media=content.media,
        output_limit=limit,
        loops=tools.loops,
        extra_input=tools.result_tokens,
        remote_input=bool(previous),
        remote=(
            *(("the agent that it names",) if body.get("agent_id") else ()),
            *hosted.results_of(kinds),
        ),
        previous_id=previous or None,
        fees=fees,
        made=text(body.get("agent_id")) or previous,
        made_fees=dict.fromkeys(CONNECTORS, hosted.USES_DEFAULT),
        attributes=attributes_of(body),
    )


def read_agent(request: Request) -> Ask:
    """What a call of an agent asks for: its model is known to Mistral, and to who saw it made."""
    ask = read_chat(request)
    made = text(request.document().get("agent_id"))
    return replace(ask, model="", made=made, remote=("the agent that it names",))


def limit_conversation(body: Document, limit: int) -> Document | None:
    """The same request with this limit."""
    if limit < 1:
        return None
    return {
        **body,
        "completion_args": {**document(body.get("completion_args")), "max_tokens": limit},
    }


class ConversationReader(MistralReader):
    """A turn of a conversation, whole or streamed."""

    def event(self, event: Document, name: str = "") -> None:
        """One event; the last one has the usage."""
        self.see_parts(event.get("content"))
        super().event(event, name)

    def body(self, document: Document) -> None:
        """A whole turn."""
        self.response_id = text(document.get("conversation_id")) or self.response_id
        for output in documents(document.get("outputs")):
            self.model = text(output.get("model")) or self.model
            self.see_json(output.get("content"))
        super().body(document)

    def usage_of(self, usage: Document) -> Usage:
        """Tokens, what connectors made the model read, and how often each was run."""
        read = count(usage.get("prompt_tokens")) + count(usage.get("connector_tokens"))
        known = super().usage_of({**usage, "prompt_tokens": read})
        runs = document(usage.get("connectors"))
        units: dict[str, Count] = {name: count(number) for name, number in runs.items()}
        return replace(known, extras={**known.extras, **units})
