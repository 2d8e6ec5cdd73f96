"""
The tokenizer's vocabulary, from the installation itself: counting tokens never needs a network.

tiktoken downloads its vocabularies on first use. Behind a firewall, or with a proxy that is LLMCap
itself, that fails or waits, so o200k_base lies in `data/` in a packed form: the length of each
token, one byte each, in the order of their ranks, then the tokens themselves, all of it deflated.
That is a quarter of the published text form, and has no base64 to undo.

`data/README.md` says where it comes from; `scripts/pack_vocabulary.py` made it.
"""

import hashlib
import zlib
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise

import tiktoken

from llmcap.words.errors import LLMCapError

VOCABULARY = "o200k_base.tokens.zlib"
TOKENS = 199_998

# Of the inflated data. The test of this module unpacks it into the published text form and compares
# that with the hash that tiktoken itself demands.
SHA256 = "440741350e7cfa1c0f4869ce742d1b043550adbda5187adcac9e787edac6fba9"

# Both as in tiktoken_ext/openai_public.py, which the test compares them with.
SPECIAL_TOKENS = {"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018}
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PATTERN = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


@cache
def encoding() -> tiktoken.Encoding:
    """
    The o200k_base encoding, built on first use and kept.

    Count with `encode_ordinary`: it takes text like `<|endoftext|>` for text. Raises `LLMCapError`
    where the installed vocabulary is not the one that was packed.
    """
    given = ranks()
    made = tiktoken.Encoding(
        name="o200k_base",
        pat_str=PATTERN,
        mergeable_ranks=given,
        special_tokens=SPECIAL_TOKENS,
    )
    # What counts has copied them; the object keeps ours too, which is a third of all: 24 MB.
    given.clear()
    return made


def ranks() -> dict[bytes, int]:
    """Every token's bytes and its rank, which is also its number."""
    packed = files("llmcap").joinpath("data", VOCABULARY).read_bytes()
    try:
        data = zlib.decompress(packed)
    except zlib.error as error:
        raise LLMCapError(f"{VOCABULARY} is damaged ({error}): install LLMCap again") from error
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise LLMCapError(
            f"{VOCABULARY} has the SHA-256 {found} instead of {SHA256}: install LLMCap again"
        )
    lengths, tokens = data[:TOKENS], data[TOKENS:]
    ends = accumulate(lengths, initial=0)
    return {tokens[start:end]: rank for rank, (start, end) in enumerate(pairwise(ends))}
