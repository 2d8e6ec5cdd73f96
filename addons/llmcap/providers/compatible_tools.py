"""
Tools that vendors run themselves in a chat: their own additions to OpenAI's API.

A tool that the caller runs is a `function`. Everything else in `tools` is the vendor's, and so are
searches that a field switches on. What has a fee is held and charged by the price book, which knows
few of them; what is in neither is refused, since it would be passed in silence.

Vendors differ in how often they search: `ONCE` and `PER_CALL` are what they say of themselves, the
rest is taken to search as often as any (`hosted.USES_DEFAULT`). Few tell how often they did.
"""

from collections.abc import Callable
from dataclasses import replace

from llmcap.providers.parts import hosted
from llmcap.providers.parts.offered import offered, only_objects
from llmcap.providers.parts.reader import document, documents, text
from llmcap.providers.parts.shape import Ask, Document, Request
from llmcap.words.errors import FormatError

# What the caller runs; a tool without a type is taken for a function.
CALLERS = ("function", "custom", "")

# The fee of a vendor's tool by its type. Those of MCP have none besides what the model reads.
FEES = {
    "web_search": "web_search",
    "web_search_preview": "web_search",
    "browser_search": "web_search",
    "x_search": "x_search",
    "web_extractor": "web_fetch",
    "code_interpreter": "code_interpreter",
    "code_execution": "code_execution",
    "file_search": "file_search",
}
FREE = ("mcp",)
UNITS = frozenset(FEES.values())

# Fields that switch a search on: of Alibaba, of others after it.
SWITCHES = ("enable_search", "web_search", "enable_web_search")

Tools = Callable[[Document], hosted.Hosted]
Read = Callable[[Request], Ask]

# One search, before the model begins to write.
ONCE = hosted.Hosted({"web_search": 1}, result_tokens=hosted.RESULT_TOKENS)

# Moonshot's `$web_search`: the model asks for it as it asks for a function, the caller says yes in
# the next request, and that one reads the results. What was asked for stands in the answer.
PER_CALL = hosted.Hosted(
    {"web_search": hosted.USES_DEFAULT}, result_tokens=hosted.USES_DEFAULT * hosted.RESULT_TOKENS
)
BUILT_IN = "$web_search"


def own_tools(body: Document) -> hosted.Hosted:
    """What the vendor's own tools may add. Raises `FormatError` for one of unknown cost."""
    fees: dict[str, int] = {}
    free = 0
    searches = False
    only_objects(body.get("tools"), "tools")
    for tool in offered(body):
        kind = text(tool.get("type"))
        if kind == "builtin_function" and document(tool.get("function")).get("name") == BUILT_IN:
            searches = True
            continue
        if kind in CALLERS or document(tool.get(kind)).get("enable") is False:
            continue
        if kind in FREE:
            free = hosted.USES_DEFAULT
            continue
        if kind not in FEES:
            raise FormatError(f"nobody says what the tool {kind!r:.60} of the provider costs")
        fees[FEES[kind]] = hosted.USES_DEFAULT
    given = only_objects(body.get("plugins"), "plugins")
    plugins = [plugin for plugin in given if plugin.get("enabled", True)]
    if unknown := [plugin for plugin in plugins if plugin.get("id") != "web"]:
        raise FormatError(f"nobody says what the plugin {text(unknown[0].get('id'))!r:.60} costs")
    if plugins or any(switched_on(body.get(key)) for key in SWITCHES):
        fees["web_search"] = hosted.USES_DEFAULT
    if searches and not (fees or free):
        return PER_CALL
    if searches:  # beside tools that the vendor runs, nobody says when it is run
        fees["web_search"] = hosted.USES_DEFAULT
    return hosted.tools(fees, unpriced_uses=free)


def searches_once(body: Document) -> hosted.Hosted:
    """The same for vendors that search once, and show the model what they found."""
    asked = own_tools(body)
    options = document(body.get("search_options"))
    if asked.fees.keys() != {"web_search"} or "agent" in text(options.get("search_strategy")):
        return asked
    return ONCE


def no_tools(body: Document) -> hosted.Hosted:  # noqa: ARG001  the shape has it
    """For those whose tools are read elsewhere, or cost nothing."""
    return hosted.NONE


def switched_on(value: object) -> bool:
    """Whether a field says yes, as vendors take it: not with `"off"`, `"false"` or nothing."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "off", "no")
    return bool(value)


def with_kept(read: Read) -> Read:
    """
    The same with what its messages only name, as the vendor keeps it.

    A message may be a cache by its role (Moonshot: https://platform.moonshot.ai/docs/api/caching),
    or be files by its text (Alibaba: https://help.aliyun.com/zh/model-studio/long-context-qwen-long).
    """

    def read_with_kept(request: Request) -> Ask:
        ask = read(request)
        if not ask.generates:
            return ask
        messages = documents(request.document().get("messages"))
        if not any(_is_kept(message) for message in messages):
            return ask
        return replace(ask, remote=(*ask.remote, "what the vendor keeps and a message names"))

    return read_with_kept


def _is_kept(message: Document) -> bool:
    said = message.get("content")
    texts = [said, *(part.get("text") for part in documents(said))]
    named = (text(each).lstrip().startswith("fileid://") for each in texts)
    return message.get("role") == "cache" or any(named)


def with_tools(read: Read, tools: Tools) -> Read:
    """The same with what the vendor's own tools may add."""
    if tools is no_tools:
        return read

    def read_with_tools(request: Request) -> Ask:
        ask = read(request)
        body = request.document()
        own = tools(body)
        if own == hosted.NONE:
            return ask
        kinds = (text(tool.get("type")) for tool in offered(body))
        return replace(
            ask,
            remote=(*ask.remote, *hosted.results_of(kinds)),
            fees={**ask.fees, **own.fees},
            loops=max(ask.loops, own.loops),
            extra_input=ask.extra_input + own.result_tokens,
        )

    return read_with_tools
