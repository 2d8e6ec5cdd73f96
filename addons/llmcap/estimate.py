"""
The most that a call can cost, before it is forwarded: an upper bound, not a prediction.

Two bounds of the input, the cheap one first. A byte-level tokenizer cannot make more tokens than
its input has bytes, so the size of the body is a bound, and while there is money it is all that is
computed. Only when that does not fit are the body's tokens counted, times a factor for the
tokenizer of another provider, and times what the answers taught us where that is more.

Everything is priced at the dearest rate that could apply: cache writes, long-context tiers, the
dearest model that may help.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from llmcap.bounds.media import by_tokens, in_units, media_bound
from llmcap.errors import LLMCapError
from llmcap.money import ceil_nanos
from llmcap.pricing import cost_usd, worst_rates
from llmcap.pricing.units import SIDE_UNITS, TOKEN_UNITS
from llmcap.providers.shape import Ask
from llmcap.records import Count, Demand, Policy, Price, Unbounded, Usage

# What a provider adds to a request that its bytes do not show: role markers, the answer's primer;
# with tools, the prompt that explains them (Anthropic documents 264 to 804 tokens, docs.claude.com
# "Tool use", pricing).
MARKUP_TOKENS = 64
TOOL_PROMPT_TOKENS = 1024

# A refined count is multiplied with this. tiktoken's o200k_base counts OpenAI's models exactly but
# for the chat markup; the tokenizers of the others make up to half as many tokens more of a text.
TOKENIZER_FACTORS = {"openai": Decimal("1.1"), "azure-openai": Decimal("1.1")}
TOKENIZER_FACTOR = Decimal("1.6")

# As much text is given to the tokenizer at once; a cut is in front of a space where one is near.
PIECE_CHARACTERS_MAX = 65_536
CUT_WITHIN_CHARACTERS = 1_024

# The window that is assumed where neither the request nor the price book names one.
CONTEXT_WINDOW_UNKNOWN = 2_000_000
MAX_OUTPUT_UNKNOWN = 200_000


def input_bound(
    ask: Ask,
    price: Price,
    *,
    family: str,
    text_tokens: int | None = None,
    known_input: int | None = None,
    looked: bool = False,
) -> int:
    """
    The most input tokens that one pass over the request can be billed for.

    `text_tokens` is the refined count of the text where there is one, else its bytes are taken.
    `known_input` is what is known of context that only the provider has; without it the model's
    whole window is assumed. `looked` says that media may be
    read for how much they hold. A model never reads more than its window, for each of the prompts.
    """
    window = (price.context_window or CONTEXT_WINDOW_UNKNOWN) * ask.prompts
    if ask.remote_input and known_input is None:
        return window
    tokens = ask.text_bytes if text_tokens is None else text_tokens
    tokens += ask.extra_input + (known_input or 0)
    if ask.generates:
        tokens += TOOL_PROMPT_TOKENS if ask.tools else MARKUP_TOKENS
    tokens += media_tokens(ask, seller=family, window=window, looked=looked)
    # A wrong window must not make the bound smaller than the text itself certainly is.
    return max(min(tokens, window), min(tokens, ask.text_bytes // 16))


def media_tokens(ask: Ask, *, seller: str, window: int, looked: bool = False) -> int:
    """The most tokens of all media that are billed as tokens; a window where one is unbounded."""
    tokens = 0
    for media in by_tokens(ask):
        bound = media_bound(media, seller=seller, model=ask.model, looked=looked)
        if isinstance(bound, Unbounded):
            return window
        tokens += int(bound.most)
    return tokens


# --- how it is sold -------------------------------------------------------------------------


def sold(ask: Ask, price: Price, *, looked: bool = False) -> Ask | None:
    """
    The same call as its price counts it, or None where the price has no unit that the call names.

    Speech, pictures and the like are sold by tokens or by units of their own, and only the price
    says which. A model that is sold by units that this call does not name would look free. Raises
    `FormatError` where nothing bounds how much of such a unit one of its media has.
    """
    ask = in_units(ask, price, looked=looked)
    if bills_tokens(price) or ask.lots:
        return ask
    fees = {**ask.fees, **measured(ask.measures, price)}
    ways = price.rates.keys() - set(TOKEN_UNITS) - SIDE_UNITS
    if ways and not ways & fees.keys():
        return None
    by_units = ask.measures or any(media.unit in fees for media in ask.media)
    return replace(ask, fees=fees, generates=False) if by_units else ask


def measured(measures: Mapping[str, Count], price: Price) -> dict[str, Count]:
    """
    Those of a call's units that it is billed by: none where its tokens are.

    Of units for the same thing the first that has a price counts: `video_second_1080p` stands
    before `video_second`, which is for all sizes that have no price of their own.
    """
    if bills_tokens(price):
        return {}
    found: dict[str, Count] = {}
    for unit, count in measures.items():
        if unit in price.rates and not any(known.startswith(f"{unit}_") for known in found):
            found[unit] = count
    return found


def bills_tokens(price: Price) -> bool:
    """Whether any token of the model has a price."""
    return any(price.rates.get(unit) for unit in TOKEN_UNITS)


# --- the most it can cost -------------------------------------------------------------------


def demand(
    ask: Ask,
    prices: Sequence[Price],
    policy: Policy,
    *,
    family: str,
    text_tokens: int | None = None,
    known_input: int | None = None,
    looked: bool = False,
) -> Demand:
    """
    What admission must know of a call: `prices` are the asked model's, then those of its helpers.

    `known_input` is what is known of context that only the provider has (the size of the response
    that this call continues); without it the model's whole window is assumed.
    """
    price = prices[0]
    input_tokens = input_bound(
        ask,
        price,
        family=family,
        text_tokens=text_tokens,
        known_input=known_input,
        looked=looked,
    )
    rates = [worst_rates(each, ask.terms, input_tokens, audio=ask.sound) for each in prices]
    input_rate, output_rate = rates[0]
    # Each helper may read all of the input once more; the output beyond the limit is theirs.
    read_usd = input_tokens * ask.loops * input_rate
    read_usd += sum((input_tokens * rate for rate, _ in rates[1:]), Decimal(0))
    fees = dict(ask.fees)
    if ask.kept_seconds:
        fees["cache_storage"] = input_tokens * ask.kept_seconds
    fees_usd = cost_usd(Usage(extras=fees), price, ask.terms) if fees else Decimal(0)
    extra_usd = ask.extra_output * max(output for _, output in rates)
    limit = 0
    if ask.generates:
        limit = ask.output_limit or price.max_output or MAX_OUTPUT_UNKNOWN
        if ask.output_limit == 0:
            limit = 0
    return Demand(
        fixed_nanos=ceil_nanos(read_usd + fees_usd + extra_usd),
        per_output_nanos=output_rate * 1_000_000_000 * ask.choices,
        output_limit=limit,
        output_min=min(policy.min_output, limit),
        clampable=policy.clamp and ask.generates,
        fixed_tokens=input_tokens * ask.loops + ask.extra_output,
        per_output_tokens=ask.choices,
    )


class TokenCounter:
    """
    Counts tokens with tiktoken, and learns how far off it is for each family of providers.

    The factor starts as documented above and only ever rises, to the largest share by which a
    provider's own count was above ours, so the bound stays one.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]] | None = None) -> None:
        self._encode = encode
        self._factors: dict[str, Decimal] = dict(TOKENIZER_FACTORS)

    def factor(self, family: str) -> Decimal:
        """What a count is multiplied with to bound this family's own."""
        return self._factors.get(family, TOKENIZER_FACTOR)

    def count(self, texts: Iterable[str]) -> int:
        """Tokens of the texts in o200k_base, by themselves."""
        encode = self._encode or self._load()
        try:
            return sum(len(encode(piece)) for text in texts for piece in in_pieces(text))
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as panic:
            # What Rust panics with is no `Exception`: who meters would not catch it.
            raise LLMCapError(f"the tokenizer failed: {type(panic).__name__}") from panic

    def bound(self, texts: Iterable[str], *, family: str) -> int:
        """A bound of the tokens that this family's tokenizer makes of the texts."""
        counted = self.count(texts)
        return int((counted * self.factor(family)).to_integral_value(ROUND_CEILING))

    def learn(self, *, family: str, bound: int, billed: int) -> None:
        """Raise the factor where the provider counted more than our bound allowed."""
        if billed > bound > 0:
            seen = self.factor(family) * billed / bound
            self._factors[family] = min(seen, Decimal(8))

    def _load(self) -> Callable[[str], Sequence[int]]:
        # A tenth of a second to load: only when it decides something.
        from llmcap.vocabulary import encoding  # noqa: PLC0415

        self._encode = encoding().encode_ordinary
        return self._encode


def in_pieces(text: str) -> Iterator[str]:
    """
    A text in parts that tiktoken can take, cut in front of a space where there is one.

    Its regular expression panics where a run of spaces is too long, and a megabyte of one letter
    takes it a quarter of a second. In front of a space a token begins anyway; a cut in a longer
    word makes as many tokens or more.
    """
    start = 0
    while len(text) - start > PIECE_CHARACTERS_MAX:
        end = start + PIECE_CHARACTERS_MAX
        space = text.rfind(" ", end - CUT_WITHIN_CHARACTERS, end)
        end = space if space > start else end
        yield text[start:end]
        start = end
    yield text[start:] if start else text
