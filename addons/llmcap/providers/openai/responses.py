"""
The wire format of OpenAI's Responses API, which others (Azure, Mantle, OpenRouter) speak too.

Usage comes whole in the body, or inside the last event of a stream: `response.completed`,
`.incomplete` or `.failed`. `input_tokens` holds the cached ones, `output_tokens` the reasoning.
Hosted tools are outside of it: their calls are items of the output, and count once each.
A background response has no usage yet; a later GET of it has (PROVIDERS: "OpenAI").
https://platform.openai.com/docs/api-reference/responses/object
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from llmcap.pricing.terms import STANDARD, TIER
from llmcap.providers.openai.chat import attributes_of, chat_usage, with_hidden
from llmcap.providers.openai.containers import container_of, size_of
from llmcap.providers.openai.drawn import drawing_tokens, image_tokens
from llmcap.providers.parts import hosted
from llmcap.providers.parts.content import measure
from llmcap.providers.parts.offered import offered
from llmcap.providers.parts.reader import BaseReader, count, document, documents, limit_in, text
from llmcap.providers.parts.shape import SOUNDING, Ask, Document, Request
from llmcap.providers.parts.tiers import tier
from llmcap.streams.backlog import Marks
from llmcap.words.records import Charge, Count, Usage

# `reasoning.mode: "pro"` reads the input several times, unseen: 1,568 tokens were recorded for a
# prompt of twenty. How often is not published.
PRO_LOOPS = 8

OUTPUT_LIMIT_MIN = 16  # the least that the API takes as `max_output_tokens`

# Tools with a fee: the type that a request gives them, without the date of its version, is the name
# of their unit too. The longest names first, as one may be the start of another.
_PRICED = ("web_search_preview", "web_search", "file_search", "code_interpreter")

# Azure's searches, which cost what a web search of its does:
# https://www.microsoft.com/en-us/bing/apis/grounding-pricing
_BING = ("bing_grounding", "bing_custom_search")

# Tools that the provider runs without a fee of their own; what they return is read as input.
# Azure's agents have more of them, whose resources are billed by themselves.
_UNPRICED = (
    "mcp", "shell", "computer_use", "tool_search", "azure_ai_search", "azure_function", "openapi",
    "browser_automation", "fabric_dataagent", "memory_search", "sharepoint_grounding", "a2a",
)  # fmt: skip

# A search in files finds twenty chunks of at most 4,096 tokens, unless it says how many:
# https://platform.openai.com/docs/assistants/tools/file-search#how-it-works
CHUNKS_DEFAULT, CHUNK_TOKENS_MAX = 20, 4_096

_STEP = re.compile(r"response\.(\w+_call)\.\w+")  # response.web_search_call.searching

# An image that a response draws is billed at the image model's price, which its usage leaves out.
IMAGE_MODEL = "gpt-image-1"

# Items of the output that the client works on: nothing of theirs is billed but their tokens.
CLIENTS_CALLS = frozenset(
    ("function_call", "custom_tool_call", "local_shell_call", "computer_call", "apply_patch_call")
)

ENDINGS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


# --- request --------------------------------------------------------------------------------


def read_responses(request: Request) -> Ask:
    """What a request to `POST /v1/responses` asks for."""
    body = request.document()
    content = measure(request)
    stored = text(document(body.get("prompt")).get("id"))
    offers = offered(body)
    if stored and not isinstance(body.get("tools"), list):
        offers += lent_by_template(request.host)
    tools = _hosted(body, offers)
    images = _image_tool(offers)
    reasoning = document(body.get("reasoning"))
    previous = text(body.get("previous_response_id")) or _id(body.get("conversation"))
    image_model = text(images.get("model")) or IMAGE_MODEL
    drawn = drawing_tokens(images, model=image_model) if images else 0
    return Ask(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        text_bytes=content.text_bytes,
        media=content.media,
        tools=bool(offers) or "prompt" in body,
        output_limit=limit_in(body.get("max_output_tokens")),
        extra_output=drawn * (tools.loops - 1),
        tool_calls=_calls_max(body) if tools.loops > 1 else 0,
        loops=tools.loops * (PRO_LOOPS if reasoning.get("mode") == "pro" else 1),
        extra_input=tools.result_tokens,
        sound=any(media.kind in SOUNDING for media in content.media),
        remote_input=bool(previous),
        remote=(*_elsewhere(body), *hosted.results_of(_endless(offers))),
        previous_id=previous or None,
        made="" if body.get("model") else stored,
        terms=tier(body.get("service_tier")),
        other_models=(image_model,) if images else (),
        fees=tools.fees,
        deferred=body.get("background") is True,
        hidden_work=reasoning.get("effort") != "none",
        attributes=attributes_of(body),
    )


def lent_by_template(host: str) -> list[Document]:
    """
    The tools that a stored prompt may have, where the request brings none in their place.

    Only OpenAI and Azure keep such prompts; what they run by themselves may stand in each.
    https://platform.openai.com/docs/api-reference/responses/create#responses-create-prompt
    """
    if not host.endswith((".openai.com", ".azure.com")):
        return []
    return [{"type": kind} for kind in (*_PRICED, "image_generation")]


def _elsewhere(body: Document) -> tuple[str, ...]:
    """
    What it reads that only OpenAI has, besides what it continues.

    A stored prompt is a template with messages and tools of its own, and an item may be named
    instead of sent: https://platform.openai.com/docs/api-reference/responses/create.
    """
    found = []
    if document(body.get("prompt")).get("id"):
        found.append("the stored prompt that it names")
    if any(_is_reference(item) for item in documents(body.get("input"))):
        found.append("an item of its input that it names")
    return tuple(found)


def _is_reference(item: Document) -> bool:
    """`item_reference` is the type of an item that has an id and nothing else."""
    return item.get("type") == "item_reference" or item.keys() == {"id"}


def read_stored(request: Request) -> Ask:
    """What `GET /v1/responses/{id}` asks for: the usage of an earlier call, perhaps streamed."""
    return Ask(model="", stream=request.query.get("stream") == "true", generates=False)


def limit_responses(body: Document, limit: int) -> Document | None:
    """The same request with this limit, or None below what the API takes."""
    return {**body, "max_output_tokens": limit} if limit >= OUTPUT_LIMIT_MIN else None


def using_tools(body: Document, most: int) -> Document:
    """The same request with at most so many calls of hosted tools; with none, without them."""
    if not most:
        tools = documents(body.get("tools"))
        return {**body, "tools": [tool for tool in tools if not _is_hosted(tool)]}
    return {**body, "max_tool_calls": min(most, count(body.get("max_tool_calls")) or most)}


def _is_hosted(tool: Document) -> bool:
    kind = text(tool.get("type"))
    free = kind == "image_generation" or kind.startswith(_UNPRICED)
    return free or bool(_unit(kind)) or container_of(tool) is not None


def _calls_max(body: Document) -> int:
    researches = "deep-research" in text(body.get("model"))
    most = hosted.USES["openai/deep-research" if researches else "openai"].most
    return count(body.get("max_tool_calls")) or most


def _hosted(body: Document, offers: list[Document]) -> hosted.Hosted:
    """What the tools of a request may cost. `max_tool_calls` bounds all of them together."""
    calls_max = _calls_max(body)
    priced: dict[str, int] = {}
    unpriced = False
    for tool in offers:
        kind = text(tool.get("type"))
        if (container := container_of(tool)) is not None:
            priced["code_interpreter"] = max(
                calls_max * size_of(container), priced.get("code_interpreter", 0)
            )
        elif unit := _unit(kind):
            priced[unit] = calls_max
        unpriced = unpriced or kind == "image_generation" or kind.startswith(_UNPRICED)
    if not priced:
        return hosted.tools({}, unpriced_uses=calls_max if unpriced else 0)
    # All calls may go to any one of them: each fee at the most, the loops once.
    found = max((_found_tokens(tool) for tool in offers), default=0)
    more = calls_max * max(found - hosted.RESULT_TOKENS, 0)
    bound = hosted.tools({next(iter(priced)): calls_max}, more_tokens=more)
    return hosted.Hosted(fees=priced, loops=bound.loops, result_tokens=bound.result_tokens)


def _endless(offers: list[Document]) -> Iterator[str]:
    """The types of tools that may give back anything: a search in files here has a limit."""
    for tool in offers:
        if (kind := text(tool.get("type"))) != "file_search":
            yield kind


def _found_tokens(tool: Document) -> int:
    """The most that one search in files finds; 0 for other tools."""
    if text(tool.get("type")) != "file_search":
        return 0
    return (count(tool.get("max_num_results")) or CHUNKS_DEFAULT) * CHUNK_TOKENS_MAX


def _unit(kind: str) -> str:
    """The unit of a tool type, dated or not (`web_search_2025_08_26`); "" for none."""
    if kind.startswith(_BING):
        return "web_search"
    return next((known for known in _PRICED if kind == known or kind.startswith(f"{known}_")), "")


def _image_tool(offers: list[Document]) -> Document:
    return next((tool for tool in offers if tool.get("type") == "image_generation"), {})


def _key(item_id: object, event: Document) -> str:
    """By what the events of one call are known to belong together."""
    return text(item_id) or f"#{event.get('output_index')}"


def _id(value: object) -> str:
    """An id that is given as a string or inside an object."""
    return text(value) or text(document(value).get("id"))


# --- response -------------------------------------------------------------------------------


class ResponsesReader(BaseReader):
    """A response, whole or streamed, the call's own or one fetched later."""

    tells_terms = frozenset((TIER,))
    clients_calls = CLIENTS_CALLS
    # Calls of tools too: the last event may leave out what was put out before it.
    telling = Marks(
        b'"response.completed"', b'"response.incomplete"', b'"response.failed"',
        b'"response.cancelled"', b'_call"', b"_call.", b'"error"', b"[DONE]",
    )  # fmt: skip

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._items: dict[str, Document] = {}  # calls of tools by their ids, as they ended

    def event(self, event: Document, name: str = "") -> None:
        """One event: deltas are counted, the last one holds the response."""
        kind = text(event.get("type")) or name
        if kind.endswith(".delta"):
            self.see(event.get("delta"))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            item = document(event.get("item"))
            self._item(item, _key(item.get("id"), event), begins=kind.endswith("added"))
        elif found := _STEP.fullmatch(kind):
            self._step(_key(event.get("item_id"), event), found[1])
        elif kind in ENDINGS or document(event.get("response")).get("usage"):
            self.body(document(event.get("response")))
        elif kind in ("response.created", "response.queued", "response.in_progress"):
            self._head(document(event.get("response")))
        elif kind == "error":
            self.fail(event.get("error") or event)

    def body(self, document: Document) -> None:
        """A whole response; without usage it is not finished, or it never got any."""
        self._head(document)
        if document.get("status") in ("queued", "in_progress"):
            self.deferred = True
        if document.get("error"):
            self.fail(document["error"])
        usage = document.get("usage")
        if not isinstance(usage, dict) or not usage:
            self.see_json(_shown(document))
            for index, item in enumerate(documents(document.get("output"))):
                if (kind := text(item.get("type"))).endswith("_call"):
                    self._step(_key(item.get("id"), {"output_index": index}), kind)
            return
        whole = self._untrimmed(document)
        told = with_hidden(chat_usage(usage, self.units(whole)), usage)
        charges = [Charge(self.served_model, told)]
        charges += _image_charges(whole)
        self.charge_all(tuple(charges))
        self.complete = True

    def _item(self, item: Document, key: str, *, begins: bool) -> None:
        """An item as it begins and as it ends: then a search tells how many queries it made."""
        kind = text(item.get("type"))
        if not kind.endswith("_call"):
            return
        if begins:
            self.see_call(text(item.get("name")) or kind)
        if kind in self.clients_calls:
            return
        self._step(key, kind)
        if not begins:
            self._items[key] = item
            queries = document(item.get("action")).get("queries")
            further = len(queries) - 1 if isinstance(queries, list) and queries else 0
            self.begun = (self.begun or 0) + further

    def _step(self, key: str, kind: str) -> None:
        """A call of a tool of the vendor's own is on its way: by whatever is shown of it first."""
        if key not in self._items and kind not in self.clients_calls:
            self._items[key] = {"type": kind}
            self.begun = (self.begun or 0) + 1

    def _untrimmed(self, response: Document) -> Document:
        """With what some leave out of its end: calls that were shown before, tools as asked for."""
        output = documents(response.get("output"))
        left = Counter(item.get("type") for item in output)
        for item in self._items.values():
            left[item["type"]] -= 1
            if left[item["type"]] < 0:
                output.append(item)
        drawing = [{"type": "image_generation", "model": name} for name in self.ask.other_models]
        asked = [*({"type": unit} for unit in self.ask.fees), *drawing]
        return {**response, "output": output, "tools": response.get("tools") or asked}

    def units(self, response: Document) -> Mapping[str, Count]:
        """What the hosted tools of a response are billed as."""
        return tool_units(response)

    def _head(self, response: Document) -> None:
        self.begun = self.begun or 0
        self.model = text(response.get("model")) or self.model
        self.response_id = text(response.get("id")) or self.response_id
        self.terms = tier(response.get("service_tier")) or self.terms


def tool_units(response: Document) -> dict[str, Count]:
    """
    The hosted tool calls of a response, by their unit.

    `tool_usage` tells the billable searches where it is there; otherwise the items are counted.
    Of a web search only the `search` action is billed, opening and reading a page is not
    (platform.openai.com/docs/pricing, "Built-in tools"). A container of code lasts for all of its
    calls.
    """
    units: dict[str, Count] = {}
    containers: set[str] = set()
    tools = documents(response.get("tools"))
    kinds = [text(tool.get("type")) for tool in tools]
    sizes = [size_of(each) for tool in tools if (each := container_of(tool)) is not None]
    search = next((unit for kind in kinds if "web_search" in (unit := _unit(kind))), "web_search")
    for item in documents(response.get("output")):
        kind = text(item.get("type"))
        if kind == "code_interpreter_call":
            containers.add(text(item.get("container_id")))
        elif kind == "shell_call" and (run := document(item.get("environment"))).get("type") in (
            "container_reference", "container_auto",
        ):  # fmt: skip
            containers.add(text(run.get("container_id")))
        elif kind == "file_search_call":
            units[kind.removesuffix("_call")] = units.get(kind.removesuffix("_call"), 0) + 1
        elif kind == "web_search_call" and _is_search(item):
            units[search] = units.get(search, 0) + 1
        elif kind.startswith(_BING) and kind.endswith("_call"):
            units["web_search"] = units.get("web_search", 0) + 1
    if containers:
        units["code_interpreter"] = len(containers) * max(sizes, default=1)
    told = document(document(response.get("tool_usage")).get("web_search")).get("num_requests")
    if isinstance(told, int):
        units[search] = count(told)
    return {unit: number for unit, number in units.items() if number}


def _is_search(item: Document) -> bool:
    return bool(document(item.get("action")).get("type", "search") == "search")


def _image_charges(response: Document) -> list[Charge]:
    """
    Images that the response drew, at the image model, which the usage does not hold.

    The tier is that of the response alone: image models have none (openai_images).
    """
    used = document(document(response.get("tool_usage")).get("image_gen"))
    items = documents(response.get("output"))
    images = [item for item in items if item.get("type") == "image_generation_call"]
    tools = documents(response.get("tools"))
    asked = next((tool for tool in tools if tool.get("type") == "image_generation"), {})
    model = text(asked.get("model")) or IMAGE_MODEL
    if used:
        # What is cached stands beside the details here (openai 3.52.0, `ToolUsageImageGen`).
        cached = {name: told for name, told in used.items() if name.startswith("cached_tokens")}
        details = {**document(used.get("input_tokens_details")), **cached}
        usage = chat_usage({**used, "input_tokens_details": details})
        if usage.input_tokens or usage.output_tokens:
            return [Charge(model, usage, (STANDARD,))]
    if images:
        tokens = sum(
            image_tokens(model, text(item.get("quality")), text(item.get("size")))
            for item in images
        )
        return [Charge(model, Usage(output_tokens=tokens, output_image=tokens), (STANDARD,))]
    return []


def _shown(response: Document) -> list[object]:
    return [item.get("content") for item in documents(response.get("output"))]
