"""Promise: a body that reads in two ways is refused, or held as its vendor reads it dearest."""

import json

import pytest
from walk import walk

from llmcap.providers.parts.bodies import parsed
from llmcap.providers.parts.reader import asked_amount, limit_in, times
from llmcap.providers.parts.shape import Request
from llmcap.walk.admission import Admission
from llmcap.walk.attributes import Facts
from llmcap.words.errors import FormatError

TWO_WAYS = {
    "a name twice": b'{"max_tokens": 5, "max_tokens": 50000}',
    "a name twice, one level down": b'{"a": [{"model": "x", "model": "y"}]}',
    "a name twice, once as a text": b'{"n": 1, "n": "1"}',
    "a name twice, once as a switch": b'{"n": 1, "n": true}',
    "a name twice, once escaped": rb'{"n": 1, "\u006e": 5}',
    "NaN": b'{"max_tokens": NaN}',
    "Infinity": b'{"n": Infinity}',
    "a number past all bounds": b'{"n": 1e999}',
    "UTF-16": '{"n": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"n": 1}'.encode("utf-16-le"),
    "UTF-32": '{"n": 1}'.encode("utf-32"),
    "Latin-1": '{"text": "\xe9"}'.encode("latin-1"),
    "two objects": b'{"n": 1}{"n": 5}',
    "a list": b'[{"n": 1}]',
    "a comment": b'{"n": 1 /* 5 */}',
    "a trailing comma": b'{"n": 1,}',
    "nothing": b"",
    "a form": b"n=1&n=5",
}


@pytest.mark.parametrize("body", TWO_WAYS.values(), ids=TWO_WAYS)
def test_a_body_that_reads_in_two_ways_is_refused(body):
    """With the reason, in the words of who would be asked about it."""
    with pytest.raises(FormatError, match="the request body"):
        parsed(body)


ONE_WAY = {
    "a mark at its start": b'\xef\xbb\xbf{"n": 1}',
    "the same twice": b'{"n": 1, "n": 1}',
    "space around it": b' \r\n{"n": 1}\n',
}


@pytest.mark.parametrize("body", ONE_WAY.values(), ids=ONE_WAY)
def test_what_all_read_alike_is_read(body):
    """However it is written."""
    assert parsed(body) == {"n": 1}


NUMBERS = {
    "a number": (3, 3), "a float": (2.2, 3), "a text": ("5", 5), "a text with a float": ("2.5", 3),
    "nothing": (None, 0), "an empty text": ("", 0), "a switch": (True, 1),
    "in the way of Python": ("1_000", 1_000),
}  # fmt: skip


@pytest.mark.parametrize(("value", "number"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_counts_however_it_is_written(value, number):
    """Some vendors take a text for the number in it."""
    assert times(value) == number


@pytest.mark.parametrize("value", ["five", [5], {"n": 5}, -1, "-1", 1e300, 10**30, "NaN", "1e99"])
def test_what_is_no_number_is_refused_where_one_belongs(value):
    """It is not taken for one, nor for none."""
    with pytest.raises(FormatError):
        times(value)
    if value != -1:
        with pytest.raises(FormatError):
            asked_amount(value)


@pytest.mark.parametrize("value", ["30", None, -1, 0, True, [30], 1e300])
def test_what_is_no_limit_to_everybody_is_none(value):
    """The answer is as long as the model likes."""
    assert limit_in(value) is None


def chat(**fields) -> bytes:
    """A chat of gpt-4o-mini as JSON."""
    fields = {"model": "gpt-4o-mini", "messages": [], "max_tokens": 100, **fields}
    return json.dumps(fields).encode()


CHEAP_READINGS = {
    "choices as a text": (chat(n="8"), chat(n=8)),
    "choices as a float": (chat(n=7.5), chat(n=8)),
    "a limit as a text": (chat(max_tokens="100"), chat(max_tokens=None)),
    "no limit at all": (chat(max_tokens=0), chat(max_tokens=None)),
}


@pytest.mark.parametrize(("body", "dearest"), CHEAP_READINGS.values(), ids=CHEAP_READINGS)
def test_a_call_is_held_as_it_is_read_dearest(body, dearest):
    """But for the bytes that the two bodies differ by."""
    found = [_held(each) for each in (body, dearest)]
    assert abs(found[0] - found[1]) < 10_000


def test_a_call_that_reads_in_two_ways_is_not_sent():
    """And the client is told why."""
    body = chat()[:-1] + b', "max_tokens": 16000}'
    refused = walk("100").firewall.consider(_request(body), Facts())
    assert not isinstance(refused, Admission)
    assert refused.refusal.reason == "unreadable_request"
    assert "'max_tokens' twice" in refused.refusal.message


def _request(body: bytes) -> Request:
    return Request(method="POST", host="api.openai.com", path="/v1/chat/completions", body=body)


def _held(body: bytes) -> int:
    admission = walk("100").firewall.consider(_request(body), Facts())
    assert isinstance(admission, Admission), admission
    return admission.demand.ceiling_nanos()
