"""
OpenRouter: openrouter.ai, which routes to other vendors and tells the bill in every answer.

`usage.cost` is what it takes, plugins and routing included. With a key of the user's own that is
its fee, and `cost_details.upstream_inference_cost` is billed by the vendor. The price of a call
that told no cost goes by the model that was asked for.
https://openrouter.ai/docs/use-cases/usage-accounting, https://openrouter.ai/docs/features/web-search
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from llmcap.providers.anthropic import provider as anthropic
from llmcap.providers.anthropic.messages import limit_messages, read_messages
from llmcap.providers.compatible import (
    FREE,
    INSIDE,
    LATER,
    Api,
    AskedChatReader,
    AskedEmbeddingsReader,
    AskedMessagesReader,
    AskedResponsesReader,
    Read,
    openai_api,
)
from llmcap.providers.compatible_tools import no_tools
from llmcap.providers.openai.images import ImagesReader, read_image
from llmcap.providers.parts import hosted
from llmcap.providers.parts.billed import billed
from llmcap.providers.parts.limits import by_model
from llmcap.providers.parts.offered import offered, only_objects
from llmcap.providers.parts.reader import amount, count, document, models_in, text
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Document, Endpoint, Media, Provider, Request
from llmcap.words.errors import FormatError
from llmcap.words.records import Count, Usage

# The web plugin: five results unless the request says so, billed together as one search.
RESULTS_PER_SEARCH = 5


# A step of its own tools may be one search, of as many results as it asks for.
STEPS = hosted.USES["openrouter"]
STOPS = "stop_server_tools_when"

# Plugins that cost nothing of their own, or what is held for them here; the others run models.
# https://openrouter.ai/docs/guides/features/plugins
_PLUGINS = frozenset(
    {"web", "file-parser", "response-healing", "context-compression", "moderation", "auto-router"}
)

# Whose models search by themselves where the plugin names no engine, each search at its vendor's
# fee; routers may choose one of them. https://openrouter.ai/docs/guides/features/plugins/web-search
_SEARCHING = frozenset(
    {"anthropic", "google", "meta", "openai", "openrouter", "perplexity", "x-ai"}
)

# Who else may search, at OpenRouter's own fee, whatever the model's vendor asks for a search.
# https://openrouter.ai/docs/guides/features/plugins/web-search
_ENGINES = frozenset({"exa", "firecrawl", "parallel"})
ENGINES_SEARCH = "plugin_search"

# How a request says that its model's vendor may search: in vain, or by an engine, where that sells
# no searches and so has no price for them.
_VENDORS_OWN = frozenset({"", "auto", "native"})


def cost(told: Document) -> Decimal | None:
    """The bill of an answer, OpenRouter's and that of the vendor, in dollars."""
    usage = document(told.get("usage"))
    own = amount(usage.get("cost"))
    if own is None or usage.get("is_byok") is not True:
        return own
    upstream = amount(document(usage.get("cost_details")).get("upstream_inference_cost"))
    return own + (upstream or Decimal(0))


# Which model answers where a request names none is a setting of the account: any may.
# https://openrouter.ai/docs/api/reference/overview ("If the model parameter is omitted")
ACCOUNTS_DEFAULT = "openrouter/auto"


def routed(read: Read) -> Read:
    """The same with what a router may make of the call: other models, and a search of the web."""

    def read_routed(request: Request) -> Ask:
        ask = read(request)
        if request.headers.get("content-type", "").startswith("multipart/"):
            return ask  # a form names one model, and has no plugins
        body = request.document()
        others = models_in(body.get("models"))
        tools = _hosted(body, (ask.model, *others))
        model = ask.model or next(iter(others), ACCOUNTS_DEFAULT if ask.generates else "")
        rest = tuple(each for each in dict.fromkeys(others) if each != model)
        return replace(
            ask,
            model=model,
            media=tuple(map(_parsed, ask.media)),
            other_models=(*ask.other_models, *rest),
            instead=rest,
            fees={**ask.fees, **tools.fees},
            loops=max(ask.loops, tools.loops),
            tool_calls=max(ask.tool_calls, tools.loops - 1),
            extra_input=ask.extra_input + tools.result_tokens,
            remote=(*ask.remote, *_fetched(body)),
        )

    return read_routed


def _parsed(media: Media) -> Media:
    """
    A document has a fee by the page where OpenRouter takes it apart: asked to, or unasked.

    https://openrouter.ai/docs/features/multimodal/pdfs
    """
    if media.kind != "file":
        return media
    return replace(media, unit="parsed_page", beside=True, also=True)


def _hosted(body: Document, models: Sequence[str]) -> hosted.Hosted:
    """
    What plugins and tools of OpenRouter's own may cost, for these models.

    A plugin puts its results into the prompt, once, unless the model's vendor searches for it; a
    tool is run as often as the model wants. Raises `FormatError` for a plugin that runs models of
    its own, or that nobody knows.
    """
    only_objects(body.get("tools"), "tools")
    kinds = [text(tool.get("type")) for tool in offered(body)]
    own = [kind for kind in kinds if kind.startswith("openrouter:")]
    if own:
        return _own_tools(body)
    return _plugins(body, models)


def _own_tools(body: Document) -> hosted.Hosted:
    """All steps may be searches, and the dearest of them."""
    steps = _steps(body)
    fees: dict[str, Count] = {}
    for tool in offered(body):
        if text(tool.get("type")) == "openrouter:web_search":
            told = {**tool, **document(tool.get("parameters"))}
            each = max(count(told.get("max_results")), RESULTS_PER_SEARCH)
            unit = "web_search" if text(told.get("engine")) in _VENDORS_OWN else ENGINES_SEARCH
            fees[unit] = max(fees.get(unit, 0), steps * -(-each // RESULTS_PER_SEARCH))
    return replace(hosted.tools({}, unpriced_uses=steps), fees=fees)


def _plugins(body: Document, models: Sequence[str]) -> hosted.Hosted:
    """The searches of the plugin for the web, by whatever engine it names, or may choose."""
    results = 0
    engines = set[str]()
    for plugin in only_objects(body.get("plugins"), "plugins"):
        if plugin.get("enabled") is False:
            continue
        if (name := text(plugin.get("id"))) not in _PLUGINS:
            raise FormatError(f"nobody knows what its plugin {name!r:.60} costs")
        if name == "web":
            results += count(plugin.get("max_results")) or RESULTS_PER_SEARCH
            engines.add(text(plugin.get("engine")))
    if not results and any(":online" in model for model in models):
        results, engines = RESULTS_PER_SEARCH, {""}
    if not results:
        return hosted.NONE
    once: Count = -(-results // RESULTS_PER_SEARCH)
    by_engine = {ENGINES_SEARCH: once} if engines - _VENDORS_OWN else {}
    if engines <= _ENGINES or not (engines - {""} or any(map(_searches_itself, models))):
        fees = by_engine or {"web_search": once}
        return hosted.Hosted(fees=fees, result_tokens=hosted.RESULT_TOKENS)
    # As often as the vendor's model wants; or once, where its seller has no such search.
    native = hosted.tools({"web_search": hosted.USES_DEFAULT})
    return replace(native, fees={"web_search": max(hosted.USES_DEFAULT, once), **by_engine})


def _searches_itself(model: str) -> bool:
    """Whether its vendor may run the searches of the web plugin, or that of a router's choice."""
    vendor = model.lstrip("~").partition("/")[0]
    return vendor in _SEARCHING or "/" not in model


def fewer_steps(body: Document, most: int) -> Document:
    """The same response with at most so many steps of OpenRouter's own tools."""
    return {**body, "max_tool_calls": min(most, _steps(body))}


def _steps(body: Document) -> int:
    """
    How many steps the model may take with OpenRouter's own tools, each of which may be a search.

    What is said is ignored beside other conditions, which nobody reads here.
    """
    most = STEPS.most
    said = 0 if STOPS in body else count(body.get(STEPS.field))
    return min(said or most, most)


def _fetched(body: Document) -> tuple[str, ...]:
    """A page that its tool fetches is as long as it is, limit or not: that is approximate."""
    fetches = any(text(tool.get("type")) == "openrouter:web_fetch" for tool in offered(body))
    return ("the pages that it fetches",) if fetches else ()


class RoutedReader(AskedChatReader):
    """Chat completions, and the searches that the usage tells of."""

    reasons = INSIDE

    def usage_of(self, usage: Document) -> Usage:
        """Tokens, and searches where the bill is missing."""
        known = super().usage_of(usage)
        tools = usage.get("server_tool_use_details") or usage.get("server_tool_use")
        searches = count(document(tools).get("web_search_requests"))
        # Without its bill, nothing else tells the pages and the searches of a plugin; nor whose the
        # searches were: as many are an engine's as it was held for.
        held = self.uncounted if usage.get("cost") is None else {}
        by_engine = min(searches, int(held.get(ENGINES_SEARCH, 0)))
        told = {ENGINES_SEARCH: by_engine, "web_search": searches - by_engine} if searches else {}
        extras = {unit: number for unit, number in {**held, **told}.items() if number}
        return replace(known, extras=extras) if extras else known


API = Api(
    chat=RoutedReader,
    responses=AskedResponsesReader,
    embeddings=AskedEmbeddingsReader,
    bill=cost,
    reads=routed,
    limits=by_model,
    tools=no_tools,
    fewer_tools=fewer_steps,
    shows_tools=False,
    asks_usage=False,
    dialect="openrouter",
)
MESSAGES = Endpoint(
    name="messages",
    fields="messages",
    read=routed(read_messages),
    reader=billed(AskedMessagesReader, cost),
    limit=limit_messages,
    dialect="anthropic",
)
IMAGES = Endpoint(
    name="images",
    fields="images",
    read=routed(read_image),
    reader=billed(ImagesReader, cost),
    dialect="openrouter",
)
TOLD_FREE = replace(FREE, dialect="openrouter")
UNTOLD = replace(LATER, dialect="openrouter")

PROVIDER = Provider(
    name="openrouter",
    hosts=("openrouter.ai", "*.openrouter.ai"),
    match=Routes(
        (
            ("POST", "/api/v1/messages", MESSAGES),
            ("POST", "/api/v1/messages/count_tokens", replace(anthropic.FREE)),
            ("POST", "/api/v1/images", IMAGES),
            *openai_api("/api/v1", api=API),
            # Where responses began: https://openrouter.ai/docs/api-reference/responses-api-beta
            *(
                route
                for route in openai_api("/api/alpha", "/api/beta", api=API)
                if route[1].endswith("/responses")
            ),
            # Keys and their limits, and what they have used.
            ("GET|POST|PATCH|DELETE", "/api/v1/keys/**", TOLD_FREE),
            ("GET|POST", "/api/v1/auth/**", TOLD_FREE),
            ("GET", "/api/v1/**", TOLD_FREE),
            ("POST", "/api/v1/**", UNTOLD),
        )
    ),
    api_only=False,
    dialect="openrouter",
)
