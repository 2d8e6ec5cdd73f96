"""
The vendors that speak OpenAI's API, and Anthropic's: a row each.

To add one: a row here, and its prices in `pricing/<name>.yaml`. A vendor without a price file is
known by name: its models are refused until the config has a price for them. What differs more than
a row can say has a file of its own, made with the same `openai_api`.
"""

from dataclasses import replace

from llmcap.providers import ollama
from llmcap.providers.compatible import Api, InsideChatReader, compatible
from llmcap.providers.compatible_tools import searches_once
from llmcap.providers.parts.billed import usage_cost
from llmcap.providers.parts.limits import either
from llmcap.providers.parts.shape import Provider

# Streams that tell their usage whether asked for it or not.
TELLS = Api(asks_usage=False)
# https://inference-docs.cerebras.ai/api-reference/chat-completions
CEREBRAS = Api(asks_usage=False, limits=either)
COST = Api(asks_usage=False, bill=usage_cost)
# Chats that search the web once, before the model begins.
SEARCHES = Api(tools=searches_once)

VENDORS: tuple[Provider, ...] = (
    compatible("ai21", "api.ai21.com", bases=("/studio/v1", "/v1")),
    compatible("arcee", "api.arcee.ai", "conductor.arcee.ai", bases=("/api/v1", "/v1")),
    compatible("avian", "api.avian.io", api=COST),
    compatible("baseten", "inference.baseten.co"),
    compatible("cerebras", "api.cerebras.ai", api=CEREBRAS),
    compatible("chutes", "llm.chutes.ai"),
    compatible("clarifai", "api.clarifai.com", bases=("/v2/ext/openai/v1",), api_only=False),
    compatible("deepinfra", "api.deepinfra.com", bases=("/v1/openai", "/v1")),
    compatible("doubleword", "api.doubleword.ai", api=Api(chat=InsideChatReader)),
    compatible("friendliai", "api.friendli.ai", bases=("/serverless/v1", "/dedicated/v1")),
    compatible("helicone", "ai-gateway.helicone.ai", bases=("/v1", "/ai")),
    compatible("hyperbolic", "api.hyperbolic.xyz"),
    compatible("inception", "api.inceptionlabs.ai"),
    compatible("lambda", "api.lambda.ai", "api.lambdalabs.com"),
    compatible("meta", "api.llama.com", "api.meta.ai", bases=("/compat/v1", "/v1")),
    compatible(
        "minimax",
        "api.minimax.io",
        "api.minimax.chat",
        "api.minimaxi.com",
        messages=("/anthropic/v1",),
    ),
    # Servers of the user's own too, by the second: only the models of its library have a price.
    compatible("modal", "*.modal.run", "*.modal.direct", api_only=False),
    compatible("morph", "api.morphllm.com"),
    compatible(
        "nebius", "api.studio.nebius.ai", "api.studio.nebius.com", "api.tokenfactory.nebius.com"
    ),
    compatible(
        "novita",
        "api.novita.ai",
        bases=("/openai/v1", "/v3/openai", "/openai"),
        messages=("/anthropic/v1",),
    ),
    compatible("nscale", "inference.api.nscale.com"),
    compatible("nvidia", "integrate.api.nvidia.com", "ai.api.nvidia.com"),
    compatible(
        "ollama-cloud",
        "ollama.com",
        "api.ollama.com",
        messages=("/v1",),
        more=ollama.routes(),
        api_only=False,
    ),
    compatible(
        "ovhcloud", "*.endpoints.kepler.ai.cloud.ovh.net", bases=("/v1", "/api/openai_compat/v1")
    ),
    compatible("poe", "api.poe.com"),
    compatible("quicksilverpro", "api.quicksilverpro.io"),
    compatible("sambanova", "api.sambanova.ai"),
    compatible("scaleway", "api.scaleway.ai", bases=("/v1", "/{}/v1")),
    compatible("siliconflow", "api.siliconflow.com", "api.siliconflow.cn", messages=("/v1",)),
    compatible("synthetic", "api.synthetic.new", bases=("/openai/v1", "/v1")),
    compatible("typesafe", "api.typesafe.ai"),
    compatible("v0", "api.v0.dev", api_only=False),
    compatible(
        "volcengine",
        "ark.cn-beijing.volces.com",
        "ark.ap-southeast.bytepluses.com",
        bases=("/api/v3",),
    ),
    compatible("wandb", "api.inference.wandb.ai"),
    compatible(
        "zhipuai",
        "open.bigmodel.cn",
        bases=("/api/paas/v4", "/api/coding/paas/v4"),
        messages=("/api/anthropic/v1",),
        api=SEARCHES,
    ),
    compatible(
        "zai",
        "api.z.ai",
        bases=("/api/paas/v4", "/api/coding/paas/v4"),
        messages=("/api/anthropic/v1",),
        api=replace(TELLS, tools=searches_once),
    ),
    # Known by name, and in no price book: refused until the config has a price for their models.
    compatible("anyscale", "api.endpoints.anyscale.com"),
    compatible("apertis", "api.stima.tech", "api.apertis.ai"),
    compatible("featherless", "api.featherless.ai"),
    compatible("galadriel", "api.galadriel.ai"),
    compatible("nano-gpt", "nano-gpt.com", bases=("/api/v1",), api_only=False),
    compatible("publicai", "api.publicai.co"),
)
