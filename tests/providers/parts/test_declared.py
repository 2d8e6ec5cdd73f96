"""Every field of a request is known to somebody, or makes its call as dear as it can be."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk import chat, walk

from llmcap.providers import PROVIDERS
from llmcap.providers.parts.declared import ALL_READ, _tables, undeclared, unread_in
from llmcap.providers.parts.shape import Billing, Request
from llmcap.walk.admission import Admission
from llmcap.walk.attributes import Facts

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = ROOT / ".venv-clients" / "bin" / "python"

# Metered endpoints whose fields only their readers know. A new one has a table; this only shrinks.
UNDECLARED = {
    "async chat completions", "asyncBatchEmbedContent", "batch jobs", "batchGenerateContent",
    "batches", "cachedContents", "chat", "classify", "compact", "complete", "containers",
    "conversations", "embed", "embedContent", "fine-tuning", "gRPC compact",
    "gRPC completion", "gRPC deferred completion", "gRPC stream", "generate", "generation",
    "guardrail", "inference:complete", "interactions", "invocations", "invoke",
    "invoke-with-response-stream",
    "listen", "message batches", "ocr", "predict", "predictLongRunning",
    "predictions", "rawPredict", "runs", "search", "speak", "speech to text", "speech-to-text",
    "summarize", "text-to-speech", "vector store search", "videos",
}  # fmt: skip


def endpoints() -> set[tuple[str, str, str]]:
    """Provider, name and fields of every metered endpoint."""
    return {
        (provider.name, endpoint.name, endpoint.fields)
        for provider in PROVIDERS
        for _, _, endpoint in provider.routes or getattr(provider.match, "table", ())
        if endpoint.billing is Billing.METERED
    }


def asked(document: dict, content_type: str = "application/json") -> Request:
    """A request with this body."""
    return Request(
        method="POST", host="h", path="/", headers={"content-type": content_type},
        body=json.dumps(document).encode(),
    )  # fmt: skip


def test_every_metered_endpoint_has_its_fields_declared():
    """But for those that are named above."""
    missing = {(provider, name) for provider, name, fields in endpoints() if not fields}
    assert {name for _, name in missing} <= UNDECLARED | {
        # rows of vendors' own, under a name of the format
        "chat completions", "completions", "embeddings", "images", "messages", "rerank", "speech",
        "transcriptions",
    }  # fmt: skip
    for provider, _, fields in endpoints():
        if fields:
            assert unread_in(asked({}), provider=provider, fields=fields) == ALL_READ


@pytest.mark.parametrize("name", _tables())
def test_every_table_says_where_it_is_from(name):
    """A source for each format, a reason for each field that is free; none stands twice."""
    table = _tables()[name]
    assert table.keys() <= {"source", "read", "free", "unbounded"}
    assert table.get("source") or "." in name
    free = [field for fields in table.get("free", {}).values() for field in fields]
    names = [*table.get("read", ()), *table.get("unbounded", ()), *free]
    assert sorted(names) == sorted(set(names))


def test_every_field_of_the_vendors_packages_is_declared():
    """A newer package shows what is to be looked up: `scripts/update_fields` names it."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    program = [str(CLIENTS), str(ROOT / "scripts" / "package_fields.py")]
    found = json.loads(subprocess.run(program, capture_output=True, check=True, text=True).stdout)
    assert len(found) > 10
    assert {fields: undeclared(fields, names) for fields, names in found.items()} == {
        fields: [] for fields in found
    }


UNREAD = {
    "a text": ("turbo", 1),
    "a list": (["a", "b"], 1),
    "an object": ({"a": 1}, 1),
    "a count": (5, 5),
    "a share": (0.7, None),
    "one": (1, None),
    "a switch": (True, None),
    "nothing": (None, None),
    "an empty text": ("", None),
}


@pytest.mark.parametrize(("value", "times"), UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize(
    "fields", ["chat", "responses", "messages", "generateContent", "converse", "images"]
)
def test_what_nobody_declared_is_unread(fields, value, times):
    """If it could name or multiply something; a switch or a share cannot."""
    unread = unread_in(asked({"x_new": value}), provider="openai", fields=fields)
    assert unread.names == (() if times is None else ("x_new",))
    assert unread.times == (times or 1)


def test_fields_of_an_object_are_looked_at_too():
    """In either spelling, where the vendor takes both."""
    for config, field in (("generationConfig", "topK"), ("generation_config", "top_k")):
        document = {"contents": [], config: {field: 40, "newThing": {"a": 1}}}
        unread = unread_in(asked(document), provider="google", fields="generateContent")
        assert unread.names == ("generationConfig.newThing",)


def test_a_field_of_a_form_is_looked_at():
    """As in JSON."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="summarize_with"\r\n\r\ngpt-5\r\n--x--\r\n'
    )
    kind = "multipart/form-data; boundary=x"
    form = Request(method="POST", host="h", path="/", headers={"content-type": kind}, body=body)
    unread = unread_in(form, provider="openai", fields="transcriptions")
    assert unread.names == ("summarize_with",)


def test_a_vendors_own_fields_are_the_vendors():
    """What OpenRouter reads says nothing of OpenAI."""
    document = {"model": "m", "models": ["a", "b"]}
    assert unread_in(asked(document), provider="openrouter", fields="chat") == ALL_READ
    assert unread_in(asked(document), provider="openai", fields="chat").names == ("models",)


def test_an_unread_field_is_told_and_can_be_allowed():
    """With the line of the config that does it; then it is nobody's business."""
    there = walk("100")
    request = chat(max_tokens=10, x_new="turbo")
    admission = there.firewall.consider(request, Facts())
    assert isinstance(admission, Admission)
    assert admission.ask.unread == ("x_new",)
    ((kind, text),) = there.events
    assert kind == "unread_field"
    assert "`allow_fields: [x_new]`" in text
    allowed = walk("100", allow_fields=("x_new",)).firewall.consider(request, Facts())
    assert allowed.ask.unread == ()


@given(
    value=st.one_of(
        st.text(min_size=1), st.lists(st.integers(), min_size=1), st.integers(2, 10**6),
        st.dictionaries(st.text(), st.integers(), min_size=1),
    )
)  # fmt: skip
def test_an_unread_field_never_makes_a_call_cheaper(value):
    """Whatever is in it."""
    there = walk("100")
    plain = there.firewall.consider(chat(max_tokens=10), Facts())
    more = there.firewall.consider(chat(max_tokens=10, x_new=value), Facts())
    if isinstance(more, Admission):
        assert more.demand.ceiling_nanos() >= plain.demand.ceiling_nanos()
