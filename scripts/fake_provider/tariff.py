"""
What the provider charges, in whole pico-dollars per token, typed in from the public price lists.

Deliberately none of LLMCap's price book: two independent computations of one bill are compared. A
price of $0.15 per million tokens is 150,000 pico-dollars per token.
"""

from dataclasses import dataclass

PICOS_PER_NANO = 1000


@dataclass(frozen=True, slots=True)
class Rates:
    """Pico-dollars per token of each kind."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    long_above: int | None = None  # input tokens above which the whole call costs `long`
    long: "Rates | None" = None


def _million(
    input_: str, output: str = "0", cache_read: str | None = None, cache_write: str | None = None
) -> Rates:
    """Rates from dollars per million tokens, as the price lists print them."""
    return Rates(
        input=_picos(input_),
        output=_picos(output),
        cache_read=_picos(cache_read or input_),
        cache_write=_picos(cache_write or input_),
    )


def _picos(dollars_per_million: str) -> int:
    whole, _, fraction = dollars_per_million.partition(".")
    return int(whole + fraction.ljust(6, "0"))


# The name that serves, as answers spell it, and the alias under which it is asked for.
SERVED = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}

TARIFF = {
    "gpt-4o-mini": _million("0.15", "0.60", "0.075"),
    "gpt-4o": _million("2.50", "10", "1.25"),
    "gpt-4.1-nano": _million("0.10", "0.40", "0.025"),
    "gpt-5-mini": _million("0.25", "2", "0.025"),
    "text-embedding-3-small": _million("0.02"),
    "omni-moderation-latest": _million("0"),
    "claude-haiku-4-5": _million("1", "5", "0.10", "1.25"),
    "claude-sonnet-4-5": Rates(
        input=3_000_000,
        output=15_000_000,
        cache_read=300_000,
        cache_write=3_750_000,
        long_above=200_000,
        long=_million("6", "22.50", "0.60", "7.50"),
    ),
    "claude-opus-4-5": _million("5", "25", "0.50", "6.25"),
    "gemini-2.5-flash": _million("0.30", "2.50", "0.03"),
    "gemini-2.5-flash-lite": _million("0.10", "0.40", "0.01"),
    "gemini-embedding-001": _million("0.15"),
    # mistral.ai/pricing, groq.com/pricing, router.huggingface.co/v1/models, together.ai/pricing,
    # api-docs.deepseek.com, cohere.com/pricing, aws.amazon.com/bedrock/pricing; November 2026.
    "mistral-small-latest": _million("0.15", "0.60", "0.015"),
    "mistral-vibe-cli-latest": _million("1.50", "7.50", "0.15"),  # Mistral Medium 3.5
    "llama-3.1-8b-instant": _million("0.05", "0.08"),
    "openai/gpt-5-mini": _million("0.25", "2", "0.025"),  # openrouter.ai/openai/gpt-5-mini
    "openai/gpt-oss-20b": _million("0.10", "0.50"),
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": _million("1.04", "1.04"),
    "deepseek-chat": _million("0.28", "0.42", "0.028"),
    "grok-4-1-fast-non-reasoning": _million("1.25", "2.50", "0.20"),  # docs.x.ai/docs/models
    "command-a-03-2025": _million("2.50", "10"),
    "amazon.nova-lite-v1:0": _million("0.06", "0.24", "0.015"),
    "amazon.nova-pro-v1:0": _million("0.80", "3.20", "0.20"),
    "tts-1": _million("0"),
    "tts-1-hd": _million("0"),
    "whisper-1": _million("0"),
    "whisper-large-v3-turbo": _million("0"),
    "voxtral-mini-2602": _million("0"),
}

# Pico-dollars per hour, for the models that write down what they hear.
HEARD = {
    "whisper-1": 360_000_000_000,
    "whisper-large-v3-turbo": 40_000_000_000,
    "voxtral-mini-2602": 180_000_000_000,
}

# Pico-dollars per character, for the models that read aloud.
SPOKEN = {"tts-1": 15_000_000, "tts-1-hd": 30_000_000}

# Nano-dollars for one web search of a response, and the tokens that one gives the model to read.
# https://platform.openai.com/docs/pricing, "Built-in tools"; https://docs.x.ai/docs/models
SEARCH, SEARCH_OF_XAI = 10_000_000, 5_000_000
SEARCH_RESULT_TOKENS = 800

# Tokens that a model writes at most when the request sets no limit.
OUTPUT_MAX = {
    "gpt-4o-mini": 16_384,
    "gpt-4o": 16_384,
    "gpt-4.1-nano": 32_768,
    "gpt-5-mini": 128_000,
    "claude-haiku-4-5": 64_000,
    "claude-sonnet-4-5": 64_000,
    "claude-opus-4-5": 64_000,
    "gemini-2.5-flash": 65_536,
    "gemini-2.5-flash-lite": 65_536,
    "mistral-small-latest": 32_000,
    "mistral-vibe-cli-latest": 262_144,
    "llama-3.1-8b-instant": 131_072,
    "openai/gpt-oss-20b": 65_536,
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": 131_072,
    "deepseek-chat": 8_192,
    "grok-4-1-fast-non-reasoning": 2_000_000,
    "command-a-03-2025": 8_000,
    "amazon.nova-lite-v1:0": 10_000,
    "amazon.nova-pro-v1:0": 10_000,
}


def known(model: str) -> str | None:
    """The tariff's name of a model, asked for by its alias or by its snapshot."""
    if model in TARIFF:
        return model
    return next((alias for alias, served in SERVED.items() if served == model), None)


def searched(model: str, searches: int) -> int:
    """What so many searches of the web cost in nano-dollars, by whose model it is."""
    return searches * (SEARCH_OF_XAI if model.startswith("grok") else SEARCH)


def nanos(
    model: str,
    *,
    fresh: int,
    cached: int,
    written: int,
    output: int,
    spoken: int = 0,
    heard_millis: int = 0,
    halved: bool = False,
) -> int:
    """One call's cost in nano-dollars, summed exactly and rounded up once."""
    rates = TARIFF[model]
    if rates.long is not None and rates.long_above is not None:
        rates = rates.long if fresh + cached + written > rates.long_above else rates
    picos = (
        fresh * rates.input
        + cached * rates.cache_read
        + written * rates.cache_write
        + output * rates.output
        + spoken * SPOKEN.get(model, 0)
        - (-heard_millis * HEARD.get(model, 0) // 3_600_000)
    )
    return -(-picos // (2 * PICOS_PER_NANO if halved else PICOS_PER_NANO))
