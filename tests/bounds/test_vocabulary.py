"""The packed vocabulary is the published one, and needs no network."""

import base64
import hashlib
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import tiktoken
from tiktoken_ext import openai_public

from llmcap.bounds import vocabulary
from llmcap.words.errors import LLMCapError

PUBLISHED_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

SAMPLES = {
    "english": "The quick brown fox doesn't jump over 1234567 lazy dogs.\n\n  Twice.",
    "german": "Donaudampfschifffahrtsgesellschaftskapitänsmütze, größer als gestern: 3,14 €",
    "chinese": "花费达到上限时，它就会停止。这不是警报。",
    "arabic": "عندما تصل إلى الحد الأقصى، يتوقف كل شيء.",
    "hindi": "जब आप सीमा तक पहुँचते हैं, तो यह रुक जाता है।",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 costs 💸💸",
    "code": "def f(x: int) -> int:\n\treturn {k: v**2 for k, v in zip(range(x), 'abc')}\r\n",
    "json": '{"messages":[{"role":"user","content":"hi \\u00e9"}],"max_tokens":64000}',
    "spaces": " " * 37 + "\t\t\n \n  x",
    "special": "<|endoftext|> is text here, <|endofprompt|> too",
    "surrogates": "\ud83d",
    "nothing": "",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tiktoken.Encoding:
    """tiktoken's own o200k_base, made by tiktoken from the text form that we unpack for it."""
    cache = tmp_path_factory.mktemp("cache")
    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (cache / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()).write_bytes(text_form())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
        return tiktoken.Encoding(**openai_public.o200k_base())


def text_form() -> bytes:
    """The vocabulary as OpenAI publishes it: base64, a space, the rank, a line each."""
    return b"".join(
        base64.b64encode(token) + b" " + str(rank).encode() + b"\n"
        for token, rank in vocabulary.ranks().items()
    )


def test_the_packed_vocabulary_is_the_published_one() -> None:
    """Unpacked to the published text form it has the hash that tiktoken demands."""
    assert hashlib.sha256(text_form()).hexdigest() == PUBLISHED_SHA256


def test_pattern_and_special_tokens_are_those_of_tiktoken(published: tiktoken.Encoding) -> None:
    """Our definition of o200k_base is tiktoken's, so a new release that changes it is noticed."""
    assert vocabulary.encoding()._pat_str == published._pat_str
    assert vocabulary.encoding()._special_tokens == published._special_tokens
    assert vocabulary.encoding().max_token_value == published.max_token_value


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_it_makes_the_tokens_that_tiktoken_makes(text: str, published: tiktoken.Encoding) -> None:
    """Same text, same tokens, in scripts of every kind."""
    assert vocabulary.encoding().encode_ordinary(text) == published.encode_ordinary(text)


def test_the_encoding_is_built_once() -> None:
    """A second call gets the same object."""
    assert vocabulary.encoding() is vocabulary.encoding()


def test_the_vocabulary_is_kept_once() -> None:
    """What was given to build it is gone: tiktoken counts with a copy of its own."""
    assert not vocabulary.encoding()._mergeable_ranks


def test_it_is_built_without_a_network() -> None:
    """In a process that may not open a socket, with no cache of tiktoken's, it counts."""
    program = """
import sys
import zlib
def forbid(event, arguments):
    if event.startswith("socket."):
        raise AssertionError(f"network: {event} {arguments}")
sys.addaudithook(forbid)
from llmcap.bounds.vocabulary import encoding
print(len(encoding().encode_ordinary("one two three")))
"""
    source = str(Path(vocabulary.__file__).parent.parent)
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": source, "TIKTOKEN_CACHE_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "3\n", result.stderr


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_vocabulary_is_refused(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other bytes than those that were packed are never counted with."""
    packed = (
        Path(vocabulary.__file__).parents[1].joinpath("data", vocabulary.VOCABULARY).read_bytes()
    )
    wrong = packed[:-9] if damage == "cut" else zlib.compress(zlib.decompress(packed) + b"x", 1)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / vocabulary.VOCABULARY).write_bytes(wrong)
    monkeypatch.setattr(vocabulary, "files", lambda _: tmp_path)
    with pytest.raises(LLMCapError, match="install LLMCap again"):
        vocabulary.ranks()
