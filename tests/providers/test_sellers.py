"""Promise: a call through a seller of other vendors' models costs what the seller says."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from exchanging import answer, ask, endpoint_of

from llmcap.pricing import PriceBook, cost_usd
from llmcap.providers import match
from llmcap.providers.parts.shape import Billing
from llmcap.words.errors import FormatError
from llmcap.words.records import Price, Usage

OPENROUTER = "https://openrouter.ai/api/v1/chat/completions"
VERCEL = "https://ai-gateway.vercel.sh/v1/chat/completions"
XAI = "https://api.x.ai/v1"
PERPLEXITY = "https://api.perplexity.ai/chat/completions"
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def chat(model: str, **more):
    """A chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


# --- OpenRouter -----------------------------------------------------------------------------


def test_openrouters_cost_is_the_bill():
    """And the price, if it is needed, goes by what was asked for."""
    told = {"model": "anthropic/claude-4.5-haiku-20251001", "usage": {**USAGE, "cost": 0.0003}}
    reading = answer(OPENROUTER, chat("anthropic/claude-haiku-4.5"), told)
    assert reading.billed_usd == Decimal("0.0003")
    assert reading.model == "anthropic/claude-4.5-haiku-20251001"
    assert reading.charges[0].model == "anthropic/claude-haiku-4.5"


def test_with_ones_own_key_the_vendors_bill_counts_too():
    """OpenRouter takes its fee, the vendor the rest."""
    details = {"upstream_inference_cost": 0.01}
    usage = {**USAGE, "cost": 0.0005, "is_byok": True, "cost_details": details}
    assert answer(OPENROUTER, chat("m"), {"usage": usage}).billed_usd == Decimal("0.0105")
    usage["is_byok"] = False
    assert answer(OPENROUTER, chat("m"), {"usage": usage}).billed_usd == Decimal("0.0005")


@pytest.mark.parametrize(
    ("asked", "fees", "loops"),
    [
        (chat("m"), {}, 1),
        (chat("z-ai/m:online"), {"web_search": 1}, 1),
        (chat("z-ai/m", plugins=[{"id": "web", "max_results": 12}]), {"web_search": 3}, 1),
        (
            chat("openai/m", plugins=[{"id": "web", "engine": "exa", "max_results": 12}]),
            {"plugin_search": 3},
            1,
        ),
        (chat("z-ai/m", plugins=[{"id": "web"}, {"id": "web"}]), {"web_search": 2}, 1),
        # The vendor's own search, as often as its model wants; of a bare name nobody knows whose.
        (chat("openai/m:online"), {"web_search": 10}, 11),
        (chat("m:online"), {"web_search": 10}, 11),
        (
            chat("z-ai/m", plugins=[{"id": "web", "engine": "a new one"}]),
            {"web_search": 10, "plugin_search": 1},
            11,
        ),
        (chat("m", plugins=[{"id": "web", "enabled": False}]), {}, 1),
        (chat("m", tools=[{"type": "openrouter:web_search"}]), {"web_search": 30}, 31),
        (
            chat(
                "m",
                tools=[{"type": "openrouter:web_search", "parameters": {"max_results": 25}}],
            ),
            {"web_search": 150},
            31,
        ),
        (chat("m", tools=[{"type": "openrouter:datetime"}]), {}, 31),
    ],
)
def test_what_openrouter_may_do_by_itself_is_held(asked, fees, loops):
    """Searches by a plugin, once, or by a tool, as often as the model wants."""
    asks = ask(OPENROUTER, asked)
    assert asks.fees == fees
    assert asks.loops == loops
    assert (asks.extra_input > 0) == bool(fees or loops > 1)


ENGINE_USD = Decimal("0.020")  # five results of Exa's


@pytest.mark.parametrize("engine", ["exa", "parallel", "native", "a new one", None])
def test_no_search_is_held_below_what_its_engine_or_its_vendor_costs(engine):
    """Each model of the list whose vendor's own search is cheaper than an engine's."""
    book = PriceBook()
    prices = [book.find("openrouter", name, NOW) for name in book.models("openrouter")]
    vendors_own = {price.model: price for price in prices if price.rates["web_search"] < 20}
    assert {"meta/muse-spark-1.1", "openai/gpt-6-sol"} <= vendors_own.keys()
    plugin = {"id": "web", "max_results": 15} | ({"engine": engine} if engine else {})
    for name, price in vendors_own.items():
        tool = {"type": "openrouter:web_search", "parameters": plugin}
        for body, most in (({"plugins": [plugin]}, 10), ({"tools": [tool]}, 30)):
            held = cost_usd(Usage(extras=ask(OPENROUTER, chat(name, **body)).fees), price)
            by_vendor = most * price.rates["web_search"] / 1_000
            assert held >= (by_vendor if engine in ("native", None) else 3 * ENGINE_USD), name


@pytest.mark.parametrize("name", ["fusion", "pareto-router", "web-fetch", "x-new", ""])
def test_a_plugin_of_openrouter_that_nobody_knows_is_not_sent(name):
    """It may run any models."""
    with pytest.raises(FormatError, match="plugin"):
        ask(OPENROUTER, chat("m", plugins=[{"id": "web"}, {"id": name}]))
    assert ask(OPENROUTER, chat("m", plugins=[{"id": name, "enabled": False}])).fees == {}


@pytest.mark.parametrize("region", ["eu", "us", "www"])
def test_a_region_of_openrouter_is_metered(region):
    """Its documentation: openrouter.ai/docs/guides/features/in-region-routing."""
    there = OPENROUTER.replace("//", f"//{region}.")
    assert ask(there, chat("z-ai/m:online")).fees == {"web_search": 1}


def test_a_page_that_openrouter_fetches_may_fill_the_window():
    """Nothing says how long it is."""
    assert ask(OPENROUTER, chat("m", tools=[{"type": "openrouter:web_fetch"}])).remote
    assert not ask(OPENROUTER, chat("m", tools=[{"type": "openrouter:datetime"}])).remote


def test_a_fallback_of_a_router_is_a_model_that_may_be_billed():
    """Each of the list, the first one where no other is named."""
    asks = ask(OPENROUTER, {"models": ["a", "b", "c"], "messages": []})
    assert (asks.model, asks.other_models) == ("a", ("b", "c"))


# --- xAI's agents ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effort", "agents"),
    [("low", 4), ("medium", 4), ("high", 16), ("xhigh", 16), (None, 16), ("x-new", 16)],
)
def test_each_of_xais_agents_reads_and_writes(effort, agents):
    """What the effort does not tell is the most."""
    asked = {"input": "x", "max_output_tokens": 10, "reasoning": {"effort": effort}}
    one = ask(f"{XAI}/responses", {**asked, "model": "grok-4"})
    several = ask(f"{XAI}/responses", {**asked, "model": "grok-4.20-multi-agent-0309"})
    assert (one.loops, one.choices) == (1, 1)
    assert (several.loops, several.choices) == (agents, agents)
    away = [{"type": "mcp", "server_url": "https://example.com"}]
    calling = ask(f"{XAI}/responses", {**asked, "model": "grok-4", "tools": away})
    assert calling.loops > 1
    searching = ask(
        f"{XAI}/responses",
        {**asked, "model": "grok-4.20-multi-agent", "tools": [{"type": "web_search"}]},
    )
    assert searching.fees == {"web_search": 10 * agents}
    assert searching.loops > agents


def test_what_an_agent_of_mistral_was_told_is_read_too():
    """Nobody here has seen it, whichever way the agent is called."""
    for path in ("agents/completions", "conversations"):
        asked = {"agent_id": "ag_1", "messages": [], "inputs": "x"}
        assert ask(f"https://api.mistral.ai/v1/{path}", asked).remote


# --- Vercel ---------------------------------------------------------------------------------


def test_vercels_output_has_its_reasoning_beside_it():
    """Neither the completion tokens nor the total have it."""
    details = {"completion_tokens_details": {"reasoning_tokens": 64}}
    told = {"model": "openai/gpt-5", "usage": {**USAGE, "cost": 0.0025, **details}}
    (charge,) = answer(VERCEL, chat("openai/gpt-5"), told).charges
    assert (charge.usage.output_tokens, charge.usage.reasoning) == (84, 64)


# --- xAI ------------------------------------------------------------------------------------


def test_xais_ticks_are_the_bill():
    """A tick is a ten-billionth of a dollar; reasoning is in the total only."""
    usage = {"prompt_tokens": 741, "completion_tokens": 15, "total_tokens": 866}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 110}}
    told = {"model": "grok-code-fast-1", "usage": {**usage, "cost_in_usd_ticks": 2_205_000}}
    reading = answer(f"{XAI}/chat/completions", chat("grok-code-fast-1"), told)
    assert reading.billed_usd == Decimal("0.0002205")
    assert reading.charges[0].usage.output_tokens == 125
    assert reading.charges[0].usage.reasoning == 110


@pytest.mark.parametrize(
    ("asked", "fees"),
    [
        ({"tools": [{"type": "web_search"}, {"type": "x_search"}]}, {"web_search", "x_search"}),
        ({"tools": [{"type": "code_interpreter"}]}, {"code_execution"}),
        ({"tools": [{"type": "function", "name": "web_search"}]}, set()),
        ({"search_parameters": {"mode": "auto"}}, {"web_search"}),
        ({"search_parameters": {"mode": "off"}}, set()),
    ],
)
def test_xais_tools_have_fees_that_the_book_knows(asked, fees):
    """None of them is held at nothing, and none fails for want of a price."""
    asks = ask(f"{XAI}/responses", {"model": "grok-4.3", "input": "hi", **asked})
    price = PriceBook().find("xai", "grok-4.3", NOW)
    assert set(asks.fees) == fees <= set(price.rates)


def test_a_video_of_xais_is_billed_when_it_is_fetched():
    """Its id is in the path only."""
    begun = answer(
        f"{XAI}/videos/generations",
        {"model": "grok-imagine-video", "duration": 5},
        {"request_id": "v1"},
    )
    assert (begun.deferred, begun.response_id) == (True, "v1")
    usage = {"usage": {"cost_in_usd_ticks": 500_000_000}, "model": "grok-imagine-video"}
    done = answer(f"{XAI}/videos/v1", b"", usage, method="GET")
    assert (done.billed_usd, done.response_id) == (Decimal("0.05"), "v1")
    assert not answer(f"{XAI}/videos/v1", b"", {"status": "pending"}, method="GET").complete


def test_a_batch_of_xais_is_the_sum_of_its_lines():
    """One without a bill leaves the sum open, and its price to the book."""
    line = {"model": "grok-4.3", "usage": {**USAGE, "cost_in_usd_ticks": 1_000}}
    bare = {"model": "grok-4.3", "usage": USAGE}

    def page(*answers):
        return {
            "results": [
                {"batch_result": {"response": {"chat_get_completion": each}}} for each in answers
            ]
        }

    url = f"{XAI}/batches/b1/results"
    whole = answer(url, b"", page(line, line), method="GET")
    assert whole.billed_usd == Decimal("2E-7")
    assert [charge.terms for charge in whole.charges] == [("batch",), ("batch",)]
    assert answer(url, b"", page(line, bare), method="GET").billed_usd is None


def test_images_of_xais_are_billed_by_their_number():
    """At the model's price, until the answer tells it."""
    asked = {"model": "grok-imagine-image", "prompt": "a cat", "n": 2}
    assert ask(f"{XAI}/images/generations", asked).fees == {"image": 2}
    told = {"data": [{}, {}], "usage": {"cost_in_usd_ticks": 400_000_000}}
    reading = answer(f"{XAI}/images/generations", asked, told)
    assert reading.billed_usd == Decimal("0.04")
    assert reading.charges[0].usage.extras == {"image": 2}


# --- Perplexity -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["low", "medium", "high"])
def test_a_sonar_call_has_a_fee_by_the_size_of_its_search(size):
    """Low where nothing is said; the answer tells which it was."""
    asks = ask(PERPLEXITY, chat("sonar", web_search_options={"search_context_size": size}))
    assert asks.fees == {f"search_request_{size}": 1}
    assert (asks.loops, asks.extra_input) == (1, 0)
    told = {"model": "sonar", "usage": {**USAGE, "search_context_size": size}}
    (charge,) = answer(PERPLEXITY, chat("sonar"), told).charges
    assert charge.usage.extras == {f"search_request_{size}": 1}


def test_a_research_bills_searches_sources_and_reasoning_apart():
    """All three are beside the tokens that it writes."""
    usage = {**USAGE, "reasoning_tokens": 900, "citation_tokens": 50, "num_search_queries": 7}
    asked = chat("sonar-deep-research")
    (charge,) = answer(PERPLEXITY, asked, {"model": asked["model"], "usage": usage}).charges
    assert charge.usage.extras == {
        "search_request_low": 1, "web_search": 7, "citation_token": 50,
    }  # fmt: skip
    assert (charge.usage.output_tokens, charge.usage.reasoning) == (920, 900)


# --- Hugging Face, GitHub, Codex ------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model", "priced"),
    [
        ("/v1/chat/completions", "org/name", "org/name"),
        ("/v1/chat/completions", "org/name:groq", "org/name:groq"),
        ("/nebius/v1/chat/completions", "org/name", "org/name:nebius"),
        ("/fireworks-ai/inference/v1/chat/completions", "org/name", "org/name:fireworks-ai"),
        ("/groq/openai/v1/chat/completions", "org/name", "org/name:groq"),
    ],
)
def test_the_vendor_behind_hugging_face_is_part_of_the_model(path, model, priced):
    """Wherever the request names it; the answer's own name is not what is priced."""
    url = f"https://router.huggingface.co{path}"
    assert ask(url, chat(model)).model == priced
    (charge,) = answer(url, chat(model), {"model": "Name-FP8", "usage": USAGE}).charges
    assert charge.model == priced


def test_other_tasks_of_hugging_faces_are_out_of_sight():
    """Images and speech are billed by a measure that no answer tells."""
    url = "https://router.huggingface.co/fal-ai/fal-ai/flux/dev"
    assert endpoint_of(url)[1].billing is Billing.UNMETERABLE


def test_github_models_are_priced_without_their_publisher():
    """The list is Azure's, where the names stand alone."""
    url = "https://models.github.ai/inference/chat/completions"
    assert ask(url, chat("openai/gpt-4.1")).model == "gpt-4.1"
    assert PriceBook().find(endpoint_of(url)[0].price_key, "gpt-4.1", NOW) is not None


def test_copilots_completions_while_typing_are_free():
    """Its chat is not."""
    host = "https://api.individual.githubcopilot.com"
    assert endpoint_of(f"{host}/chat/completions")[1].billing is Billing.METERED
    assert endpoint_of(f"{host}/v1/messages")[1].billing is Billing.METERED
    assert endpoint_of(f"{host}/mcp/x")[1].billing is Billing.FREE
    copilot = "https://copilot-proxy.githubcopilot.com/v1/engines/copilot-codex/completions"
    assert endpoint_of(copilot)[1].billing is Billing.FREE


@pytest.mark.parametrize(
    "url",
    [
        "https://api.stepfun.com/v1/messages",
        "https://api-inference.modelscope.cn/v1/messages",
        "https://api.xiaomimimo.com/anthropic/v1/messages",
        "https://api.minimax.io/anthropic/v1/messages",
        "https://api.z.ai/api/anthropic/v1/messages",
        "https://api.cerebras.ai/v1/messages",
    ],
)
def test_messages_are_metered_wherever_a_vendors_api_is_asked_for_them(url):
    """Claude Code is told a host: which paths of it are sold, the vendor's answer tells."""
    endpoint = endpoint_of(url)[1]
    assert (endpoint.billing, endpoint.name) == (Billing.METERED, "messages")
    asked = ask(url, {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": ""}]})
    assert (asked.model, asked.output_limit) == ("m", 9)


def test_a_web_site_that_sells_models_too_may_have_messages_of_its_own():
    """People's to each other, which are nobody's business."""
    provider, endpoint = match("crof.ai", "POST", "/v1/messages")
    assert (provider.name, endpoint) == ("crof", None)


@pytest.mark.parametrize(
    "host", ["api.cohere.ai", "production.api.cohere.ai", "stg.api.cohere.com"]
)
def test_coheres_older_hosts_are_its_own(host):
    """Programs of that time go on calling them."""
    provider, endpoint = endpoint_of(f"https://{host}/v1/chat")
    assert (provider.name, endpoint.billing) == ("cohere", Billing.METERED)


def test_a_codex_plan_costs_what_the_api_would():
    """At the list price, without any region's."""
    url = "https://chatgpt.com/backend-api/codex/responses"
    asks = ask(url, {"model": "gpt-5.4", "input": "hi"})
    assert asks.terms == ()
    provider, _ = endpoint_of(url)
    assert not provider.api_only
    assert PriceBook().find(provider.price_key, "gpt-5.4", NOW) is not None


@pytest.mark.parametrize(
    ("host", "path", "output"),
    [
        ("api.doubleword.ai", "/v1", 10),  # inside, and counted by a text of its own
        ("openrouter.ai", "/api/v1", 10),
        ("api.groq.com", "/openai/v1", 10),
        ("api.deepseek.com", "/v1", 10),
        ("ai-gateway.vercel.sh", "/v1", 70),  # beside
        ("api.x.ai", "/v1", 70),
        ("api.novita.ai", "/openai/v1", 70),  # nobody says: it cannot be inside
    ],
)
def test_reasoning_above_the_completion_is_billed_as_the_vendor_counts_it(host, path, output):
    """By a total that leaves it out."""
    url = f"https://{host}{path}/chat/completions"
    endpoint, asked = endpoint_of(url)[1], ask(url, {"model": "m", "messages": []})
    usage = {"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 60}}
    reader = endpoint.reader(asked)
    reader.body({"model": "m", "choices": [{"message": {"content": "x"}}], "usage": usage})
    (charge,) = reader.reading().charges
    price = Price("p", "m", rates={"input": Decimal(0), "output": Decimal(1_000_000)})
    assert cost_usd(charge.usage, price) == output


def test_the_vendor_that_hugging_faces_router_chose_has_the_price():
    """It tells in the head of its answer."""
    url = "https://router.huggingface.co/v1/chat/completions"
    for asked_model, served in (
        ("a/b", "a/b:nebius"),
        ("a/b:fastest", "a/b:nebius"),
        ("a/b:groq", "a/b:groq"),
    ):
        endpoint, asked = endpoint_of(url)[1], ask(url, chat(asked_model))
        reader = endpoint.reader(asked)
        reader.head({"x-inference-provider": "nebius"})
        reader.body({"model": "b", "choices": [], "usage": USAGE})
        assert reader.reading().charges[0].model == served


def test_a_model_that_was_named_to_serve_instead_has_its_own_price():
    """All others of a router's are sold under the name that was asked for."""
    url = "https://openrouter.ai/api/v1/chat/completions"
    endpoint, asked = endpoint_of(url)[1], ask(url, chat("openai/gpt-4o", models=["x-ai/grok-4"]))
    for told, priced in (("x-ai/grok-4", "x-ai/grok-4"), ("grok-4-0709", "openai/gpt-4o")):
        reader = endpoint.reader(asked)
        reader.body({"model": told, "choices": [], "usage": USAGE})
        assert reader.reading().charges[0].model == priced


def test_a_bill_of_nothing_is_not_believed_where_something_was_written():
    """Paid to the vendor itself, or not reckoned yet; what is free has a price of 0."""
    url = "https://openrouter.ai/api/v1/chat/completions"
    endpoint, asked = endpoint_of(url)[1], ask(url, chat("openai/gpt-4o"))
    byok = {"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}
    for told, billed in ((byok, None), ({"cost": 0}, None), ({"cost": "1e-3"}, Decimal("0.001"))):
        reader = endpoint.reader(asked)
        reader.body({"choices": [], "usage": {**USAGE, **told}})
        assert reader.reading().billed_usd == billed
        assert reader.reading().complete
    reader = endpoint.reader(asked)
    reader.body({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 0, "cost": 0}})
    assert reader.reading().billed_usd == 0, "an answer without output is not charged"


def test_a_served_model_in_the_head_counts_where_the_body_names_no_other():
    """Azure's router has it there."""
    url = "https://x.openai.azure.com/openai/deployments/model-router/chat/completions"
    endpoint, asked = endpoint_of(url)[1], ask(url, {"messages": []})
    bodies = (
        ({}, "gpt-5-nano"),
        ({"model": "model-router"}, "gpt-5-nano"),
        ({"model": "gpt-5-mini"}, "gpt-5-mini"),
    )
    for body, served in bodies:
        reader = endpoint.reader(asked)
        reader.head({"x-ms-served-model": "gpt-5-nano"})
        reader.body({**body, "choices": [], "usage": USAGE})
        assert reader.reading().charges[0].model == served


@pytest.mark.parametrize(
    ("host", "terms"),
    [("api.x.ai", ()), ("us-east-1.api.x.ai", ("geo-us",)), ("eu-west-1.api.x.ai", ("geo-us",))],
)
def test_a_regional_endpoint_of_xais_is_held_at_its_premium(host, terms):
    """The one in the United States costs a tenth more; of others nobody says."""
    assert ask(f"https://{host}/v1/chat/completions", chat("grok-4.3")).terms == terms
    assert ask(f"https://{host}/v1/messages", chat("grok-4.3", max_tokens=9)).terms == terms


def test_the_rest_of_braintrusts_api_is_free_beside_its_gateway():
    """Its own SDKs keep and compare there what models have answered."""
    for path in ("dataset", "dataset/d/insert", "function/f", "function/f/invoke"):
        assert endpoint_of(f"https://api.braintrust.dev/v1/{path}")[1].billing is Billing.FREE
    for path in ("chat/completions", "proxy/chat/completions"):
        assert endpoint_of(f"https://api.braintrust.dev/v1/{path}")[1].billing is Billing.METERED
