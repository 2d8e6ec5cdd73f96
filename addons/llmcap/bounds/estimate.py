"""
The most that a call can cost, before it is forwarded: an upper bound, not a prediction.

Two bounds of the input, the cheap one first. A byte-level tokenizer cannot make more tokens than
its input has bytes, so the size of the body is a bound, and while there is money it is all that is
computed. Only when that does not fit are the body's tokens counted, times a factor for the
tokenizer of another provider, and times what the answers taught us where that is more.

Everything is priced at the dearest rate that could apply: cache writes, long-context tiers, the
dearest model that may help.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from functools import cache

from llmcap.bounds.media import in_units
from llmcap.bounds.parts import (
    DOLLARS,
    OWN_OUTPUT,
    Answer,
    assembled,
    most_read,
    most_written,
    summed,
)
from llmcap.bounds.reading import input_parts
from llmcap.pricing import cost_usd, worst_rates
from llmcap.pricing.dearest import bills_tokens
from llmcap.pricing.units import OUTPUT_UNITS, SIDE_UNITS, TOKEN_UNITS
from llmcap.providers.parts.refused import FEE_BY
from llmcap.providers.parts.shape import Ask
from llmcap.words.errors import LLMCapError
from llmcap.words.records import Count, Demand, Part, Policy, Price, Usage

# A refined count is multiplied with this. tiktoken's o200k_base counts OpenAI's models exactly but
# for the chat markup; the tokenizers of the others make up to half as many tokens more of a text.
TOKENIZER_FACTORS = {"openai": Decimal("1.1"), "azure-openai": Decimal("1.1")}
TOKENIZER_FACTOR = Decimal("1.6")
WRITTEN_FACTOR = Decimal("1.02")

# And no text has fewer than these shares of what we count in it: where the vocabulary is ours, but
# for what the seams between pieces add; no other in use has tokens twice as long on the average.
LEAST_EXACT = Decimal("0.95")
LEAST = Decimal("0.5")

# Beside the text of a message, and of the whole prompt: three markers, the role and a name; the
# answer's primer, and one. https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken
MESSAGE_TOKENS = 5
PRIMER_TOKENS = 4

# Who bounds what a call writes, and what it is billed for besides.
BY_LIMIT = "the limit of the request"
BY_REQUEST = "the request"

# As much text is given to the tokenizer at once; a cut is in front of a space where one is near.
PIECE_CHARACTERS_MAX = 65_536
CUT_WITHIN_CHARACTERS = 1_024

# --- how it is sold -------------------------------------------------------------------------


def sold(ask: Ask, price: Price, *, looked: bool = False) -> Ask | None:
    """
    The same call as its price counts it, or None where the price has no unit that the call names.

    Speech, pictures and the like are sold by tokens or by units of their own, and only the price
    says which. A model that is sold by units that this call does not name would look free. Raises
    `FormatError` where nothing bounds how much of such a unit one of its media has.
    """
    ask = in_units(ask, price, looked=looked)
    if ask.lots:
        return ask
    # A model that only reads, to embed or to rank, is not sold by who lets it write.
    writes = not ask.generates or not price.rates.keys().isdisjoint(OUTPUT_UNITS)
    if bills_tokens(price):
        return ask if writes else None
    fees = {**ask.fees, **measured(ask.measures, price)}
    ways = price.rates.keys() - set(TOKEN_UNITS) - SIDE_UNITS
    if ways and not ways & fees.keys():
        return None
    by_units = ask.measures or any(media.unit in fees for media in ask.media)
    if by_units:
        return replace(ask, fees=fees, generates=False)
    return ask if writes else None


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


# --- the most it can cost -------------------------------------------------------------------


def demand(  # noqa: PLR0913  what is known of a call, each by itself
    ask: Ask,
    prices: Sequence[Price],
    policy: Policy,
    *,
    family: str,
    text_tokens: int | None = None,
    prompt_tokens: int | None = None,
    known_input: int | None = None,
    looked: bool = False,
    refusal_usd: Decimal = Decimal(0),
) -> Demand:
    """
    What admission must know of a call: `prices` are the asked model's, then those of its helpers.

    `prompt_tokens` is what is known of a prompt that is plain, with all that its vendor adds.
    `known_input` is what is known of context that only the provider has (the size of the response
    that this call continues), `refusal_usd` what its vendor may bill in place of it where it
    refuses the call. Raises `NoBound` where nothing bounds a part and nothing stands in.
    """
    served = serving(ask, prices)
    read = input_parts(
        ask,
        served,
        seller=family,
        text_tokens=text_tokens,
        prompt_tokens=prompt_tokens,
        known_input=known_input,
        looked=looked,
    )
    tokens = read[0].tokens if len(read) == 1 else sum([each.tokens for each in read])
    rates = [rates_of(ask, price, tokens) for price in prices]
    input_rate, output_rate, extra_rate = _together(ask, prices, rates)
    times = ask.unread_times
    fixed = [each.costing(each.tokens * input_rate) for each in read]
    if ask.fees or ask.kept_seconds:
        fixed += fee_parts(ask, served, tokens)
    if ask.extra_output:
        nanos = ask.extra_output * extra_rate
        fixed.append(Part("output beside the answer", ask.extra_output, nanos, BY_REQUEST))
    if (further := refusal_usd.scaleb(DOLLARS) - summed(fixed)) > 0:
        fixed.append(Part("refusal", 1, further, FEE_BY))
    answer = None
    if ask.generates:
        choices = ask.choices * times
        limit, by, why = output_bound(ask, served)
        answer = Answer(
            limit=limit,
            limit_min=min(policy.min_output, limit),
            per_token_nanos=output_rate * choices,
            fee_nanos=written_fee(ask, served) * choices,
            choices=choices,
            by=by,
            unbounded=why,
            clampable=policy.clamp,
        )
    fixed_tokens = (tokens * ask.loops + ask.extra_output) * times
    return assembled(fixed, prices, fixed_tokens=fixed_tokens, answer=answer)


def serving(ask: Ask, prices: Sequence[Price]) -> Sequence[Price]:
    """The prices of the models of which one serves the call: the asked one, and those instead."""
    if not ask.instead:
        return prices[:1]
    named = zip(ask.other_models, prices[1:], strict=True)
    return [prices[0], *(price for model, price in named if model in ask.instead)]


def rates_of(ask: Ask, price: Price, tokens: int) -> tuple[Decimal, Decimal]:
    """
    Nano-dollars for a token read and one written, at the dearest that the call can meet.

    A field that nobody read may have asked for any term that the model is sold under.
    """
    read, written = worst_rates(price, ask.terms, tokens, audio=ask.sound or bool(ask.unread))
    if ask.unread:
        terms = [(*ask.terms, term) for term in price.variants]
        found = [worst_rates(price, each, tokens, audio=True) for each in terms]
        read = max([read, *(rate for rate, _ in found)])
        written = max([written, *(rate for _, rate in found)])
    return read.scaleb(DOLLARS), written.scaleb(DOLLARS)


def _together(
    ask: Ask, prices: Sequence[Price], rates: Sequence[tuple[Decimal, Decimal]]
) -> tuple[Decimal, Decimal, Decimal]:
    """
    What a token of the input costs in all, one of the answer, and one of other output.

    What is written before a tool of the vendor's is called is read again after it: a token of the
    answer may be, in each round that follows.
    """
    read, written = rates[0]
    if len(prices) == 1:
        times = ask.unread_times
        again = read * ask.tool_calls if ask.tool_calls else 0
        return read * (ask.loops * times), written + again, written * times
    helping = Decimal(0)
    for model, (their_read, their_written) in zip(ask.other_models, rates[1:], strict=True):
        if model in ask.instead:
            read, written = max(read, their_read), max(written, their_written)
        else:
            helping += their_read  # each helper may read all of the input once more
    dearest = max(rate for _, rate in rates)
    again = (read + helping) * ask.tool_calls
    times = ask.unread_times
    return (read * ask.loops + helping) * times, written + again, dearest * times


def output_bound(ask: Ask, prices: Sequence[Price]) -> tuple[int, str, str]:
    """Tokens of one answer at most, who says so, and why nobody does where a stand-in is taken."""
    if ask.thought is None:
        most, by = most_read(prices, why := "nothing limits how long it thinks", ask.terms)
        return most, by, why
    if ask.output_limit is not None:
        return ask.output_limit + ask.thought, BY_LIMIT, ""
    why = "the request sets no limit to its output"
    most, by = most_written(prices, why)
    return most + ask.thought, by, "" if by == OWN_OUTPUT else why


def fee_parts(ask: Ask, prices: Sequence[Price], tokens: int) -> list[Part]:
    """What is billed by units of its own: of models that may serve, at the dearest."""
    fees = dict(ask.fees)
    if ask.kept_seconds:
        fees["cache_storage"] = tokens * ask.kept_seconds
    parts = []
    for unit, count in fees.items():
        most = count * ask.unread_times
        usage = Usage(extras={unit: most})
        usd = max(cost_usd(usage, price, ask.terms) for price in prices)
        parts.append(Part(unit, most, usd.scaleb(DOLLARS), BY_REQUEST))
    return parts


def written_fee(ask: Ask, prices: Sequence[Price]) -> Decimal:
    """Nano-dollars of the units that one token of an answer is billed as besides."""
    if not ask.written_fees:
        return Decimal(0)
    usage = Usage(extras=ask.written_fees)
    return max(cost_usd(usage, price, ask.terms) for price in prices).scaleb(DOLLARS)


class TokenCounter:
    """
    Counts tokens with tiktoken, and learns how far off it is for each family of providers.

    The factor starts as documented above and only ever rises, to the largest share by which a
    provider's own count was above ours, so the bound stays one.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]] | None = None) -> None:
        self._encode = encode
        self._preparing = False
        self._factors: dict[str, Decimal] = dict(TOKENIZER_FACTORS)

    def factor(self, family: str) -> Decimal:
        """What a count is multiplied with to bound this family's own."""
        return self._factors.get(family, TOKENIZER_FACTOR)

    def count(self, texts: Iterable[str]) -> int:
        """Tokens of the texts in o200k_base, by themselves."""
        encode = self._encode or self.load()
        try:
            return sum(len(encode(piece)) for text in texts for piece in in_pieces(text))
        except (Exception, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as panic:
            # What Rust panics with is no `Exception`: who meters would not catch it.
            raise LLMCapError(f"the tokenizer failed: {type(panic).__name__}") from panic

    def bound(self, texts: Iterable[str], *, family: str) -> int:
        """A bound of the tokens that this family's tokenizer makes of the texts."""
        return _up(self.count(texts) * self.factor(family))

    def written(self, counted: int, *, family: str, model: str) -> int:
        """
        A bound of the tokens that a model has written, by those that we count in its texts.

        What is beside the text of a prompt is not in an answer: where the model's vocabulary is the
        one that we count in, all that it can have more is what it wrote in smaller tokens.
        """
        if family in TOKENIZER_FACTORS and _is_exact(model):
            return _up(counted * WRITTEN_FACTOR)
        return _up(counted * self.factor(family))

    def least(self, counted: int, *, family: str, model: str) -> int:
        """The least that a model has written, by the tokens that we count in its texts."""
        is_exact = family in TOKENIZER_FACTORS and _is_exact(model)
        return int(counted * (LEAST_EXACT if is_exact else LEAST))

    def read(self, messages: Sequence[str], *, family: str, model: str) -> int | None:
        """
        The tokens of a prompt of these messages and nothing else, with the markers between them.

        None where the model's vocabulary is not the one that we count in.
        """
        if family not in TOKENIZER_FACTORS or not _is_exact(model):
            return None
        between = MESSAGE_TOKENS * len(messages) + PRIMER_TOKENS
        return self.count(messages) + between

    def learn(self, *, family: str, bound: int, billed: int) -> None:
        """Raise the factor where the provider counted more than our bound allowed."""
        if billed > bound > 0:
            seen = self.factor(family) * billed / bound
            self._factors[family] = min(seen, Decimal(8))

    @property
    def ready(self) -> bool:
        """Whether the vocabulary is loaded: to count takes no longer than the text does."""
        return self._encode is not None

    def prepare(self) -> None:
        """Load the vocabulary beside other work: whoever counts first must not wait for it."""
        if self._encode is None and not self._preparing:
            self._preparing = True
            threading.Thread(target=self.load, name="vocabulary", daemon=True).start()

    def load(self) -> Callable[[str], Sequence[int]]:
        """Load the vocabulary; slow, and safe in a thread."""
        # A tenth of a second to load, and 50 MB: not before somebody will count.
        from llmcap.bounds.vocabulary import encoding  # noqa: PLC0415

        self._encode = encoding().encode_ordinary
        return self._encode


def _up(tokens: Decimal) -> int:
    return int(tokens.to_integral_value(ROUND_CEILING))


@cache
def _is_exact(model: str) -> bool:
    """Whether tiktoken itself says that a model writes in the vocabulary that we count in."""
    import tiktoken.model  # noqa: PLC0415 - as `load`

    try:
        return tiktoken.model.encoding_name_for_model(model).startswith("o200k")
    except KeyError:
        return False


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
