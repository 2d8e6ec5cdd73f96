"""Every field of a request is known to somebody, or makes its call as dear as it can be."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import each_row
from walk import chat, post, walk

from llmcap.providers import PROVIDERS, match
from llmcap.providers.parts.declarations import KEYS, NO_FIELDS, fields_of, tables, undeclared
from llmcap.providers.parts.declared import (
    ALL_READ,
    Unread,
    allowing,
    asked,
    unread_in,
    unread_in_document,
)
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Request
from llmcap.streams.protobuf import varint
from llmcap.walk.admission import Admission
from llmcap.walk.attributes import Facts
from llmcap.words.errors import FormatError

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = ROOT / ".venv-clients" / "bin" / "python"

ENDPOINTS = {
    f"{provider.name} {name} {endpoint.fields}": (provider.name, endpoint)
    for provider in PROVIDERS
    for _, name, endpoint in provider.routes or getattr(provider.match, "table", ())
    if endpoint.billing is Billing.METERED
}


def sent(document: dict, content_type: str = "application/json", **query: str) -> Request:
    """A request with this body."""
    return Request(
        method="POST", host="h", path="/", headers={"content-type": content_type}, query=query,
        body=json.dumps(document).encode(),
    )  # fmt: skip


# --- the declarations -----------------------------------------------------------------------


def test_every_metered_endpoint_has_its_fields_declared():
    """A new one is not metered before somebody has said what its requests have."""
    assert len(ENDPOINTS) > 1_000
    for name, (provider, endpoint) in ENDPOINTS.items():
        assert endpoint.fields, name
        assert fields_of(provider, endpoint.fields) != NO_FIELDS, name


def test_an_endpoint_without_a_declaration_has_no_call_that_could_be_bounded():
    """It is refused, whatever it asks for."""
    bare = Endpoint(name="new", read=lambda _: Ask(model="m"))
    with pytest.raises(FormatError, match="no field of new is declared"):
        asked(bare, sent({}), provider="openai")
    with pytest.raises(FormatError, match="nothing"):
        unread_in(sent({}), provider="openai", fields="nothing")


@each_row("name", tables())
def test_every_table_says_where_it_is_from(name):
    """A source for each format, a reason for each field that is free; none stands twice."""
    table = tables()[name]
    assert table.keys() <= KEYS
    assert table.get("source") or "." in name or name.endswith("?")
    free = [field for fields in table.get("free", {}).values() for field in fields]
    names = [*table.get("read", ()), *table.get("unbounded", ()), *free]
    assert sorted(names) == sorted(set(names)), sorted(n for n in names if names.count(n) > 1)
    assert set(table.get("repeats", ())) <= {*names, *(f"{each}[]" for each in names)} | {
        field for other in tables().values() for field in other.get("read", ())
    } | {f for t in tables().values() for fs in t.get("free", {}).values() for f in fs}
    assert all(reason.strip() for reason in table.get("free", {}))


def test_every_table_belongs_to_a_format():
    """Or to a vendor's part of one: what nobody asks for is a mistake in its name."""
    formats = {endpoint.fields for _, endpoint in ENDPOINTS.values()}
    formats |= {"realtime", "live", "sessionEvents", "query"}
    formats |= {tables()[each]["like"] for each in formats if "like" in tables().get(each, {})}
    vendors = {provider.name for provider in PROVIDERS} | {"compatible"}
    for name in tables():
        vendor, _, rest = name.rpartition("/")
        assert rest.partition(".")[0].removesuffix("?") in formats, name
        assert not vendor or vendor in vendors, name


PACKAGED = json.loads((ROOT / "tests" / "data" / "package_fields.json").read_text("utf-8"))


def test_the_fields_of_the_packages_are_those_of_their_pinned_versions():
    """A newer version is pinned with what `scripts/update_fields` says of it."""
    pins = (ROOT / "tests" / "clients" / "requirements.txt").read_text("utf-8").splitlines()
    pinned = dict(line.split("==") for line in pins if "==" in line)
    assert {name: pinned[name] for name in PACKAGED["versions"]} == PACKAGED["versions"]
    asked_for = {"openai", "anthropic", "google-genai", "mistralai", "cohere", "groq", "botocore"}
    assert asked_for <= PACKAGED["versions"].keys()


@pytest.mark.slow
def test_the_fields_of_the_packages_are_what_they_have():
    """Read from the packages themselves."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    program = [str(CLIENTS), str(ROOT / "scripts" / "package_fields.py")]
    told = subprocess.run(program, capture_output=True, check=True, text=True).stdout
    assert json.loads(told) == PACKAGED


def test_every_field_of_the_vendors_packages_is_declared():
    """A newer package shows what is to be looked up: `scripts/update_fields` names it."""
    packaged = PACKAGED["fields"]
    assert len(packaged) > 50
    assert all(packaged.values())
    assert {fields: undeclared(fields, names) for fields, names in packaged.items()} == {
        fields: [] for fields in packaged
    }


def test_a_field_that_a_newer_package_adds_is_named():
    """Whatever the format."""
    for fields, names in PACKAGED["fields"].items():
        assert undeclared(fields, [*names, "x_new"]) == ["x_new"]


# --- what is unread -------------------------------------------------------------------------

UNREAD = {
    "a text": ("turbo", 1),
    "a list": (["a", "b"], 1),
    "an object": ({"a": 1}, 1),
    "an empty object": ({}, 1),
    "a count": (5, 5),
    "a share": (0.7, None),
    "one": (1, None),
    "a switch": (True, None),
    "nothing": (None, None),
    "an empty text": ("", None),
}
JSON_FORMATS = sorted({
    (provider, endpoint.fields) for provider, endpoint in ENDPOINTS.values()
    if provider in ("anthropic", "aws-bedrock", "cohere", "google", "mistral", "openai", "watsonx",
                    "ollama-cloud", "replicate", "xai", "perplexity", "jina", "elevenlabs")
    and not endpoint.fields.startswith("grpc")
})  # fmt: skip


@pytest.mark.parametrize(("value", "times"), UNREAD.values(), ids=UNREAD)
@each_row("provider fields", JSON_FORMATS)
def test_what_nobody_declared_is_unread(provider, fields, value, times):
    """If it could name or multiply something; a switch or a share cannot."""
    unread = unread_in(sent({"x_new": value}), provider=provider, fields=fields)
    assert unread.names == (() if times is None else ("x_new",))
    assert unread.times == (times or 1)


@each_row("provider fields", [*JSON_FORMATS, ("deepgram", "listen")])
def test_what_nobody_declared_is_unread_in_a_query(provider, fields):
    """As in a body; the version of the API and the like are known."""
    content_type = "audio/wav" if fields == "listen" else "application/json"
    asked = sent({}, content_type, x_new="turbo", x_many="5", x_on="true", beta="true")
    unread = unread_in(asked, provider=provider, fields=fields)
    assert set(unread.names) == {"x_new", "x_many"}
    assert unread.times == 5


DEAR = [
    (name.rpartition("/")[0] or "acme", name.rpartition("/")[2], field)
    for name, table in tables().items()
    for field in table.get("unbounded", ())
    if "." not in name and not name.startswith("grpc")
]


@each_row("provider fields field", DEAR)
def test_what_has_no_bound_is_unread_where_it_is_only_switched_on(provider, fields, field):
    """In a body as in a query; and a switch that is off costs nothing."""
    for on in (True, False):
        body = {} if fields.endswith("?") else {field: on}
        query = {} if body else {field: str(on).lower()}
        asked = sent(body, "application/json" if body else "audio/wav", **query)
        unread = unread_in(asked, provider=provider, fields=fields.removesuffix("?"))
        assert unread.names == ((field,) if on else ())


def test_fields_of_an_object_are_looked_at_too():
    """In either spelling, where the vendor takes both."""
    for config, field in (("generationConfig", "topK"), ("generation_config", "top_k")):
        document = {"contents": [], config: {field: 40, "newThing": {"a": 1}}}
        unread = unread_in(sent(document), provider="google", fields="generateContent")
        assert unread.names == ("generationConfig.newThing",)


def test_two_spellings_that_differ_are_refused():
    """Which of the two counts, only the vendor knows."""
    config = {"maxOutputTokens": 5, "max_output_tokens": 50_000}
    body = {"contents": [], "generationConfig": config}
    with pytest.raises(FormatError, match="maxOutputTokens"):
        unread_in(sent(body), provider="google", fields="generateContent")


@pytest.mark.parametrize("name", ["Model", "MAX_TOKENS", "N", "Temperature"])
def test_a_name_in_other_letters_is_refused(name):
    """Servers that do not look at the case of letters would read it, and perhaps it alone."""
    with pytest.raises(FormatError, match="may be taken for"):
        unread_in(sent({"model": "m", name: "gpt-4"}), provider="openai", fields="chat")


FORM = "multipart/form-data; boundary=x"


def form(*fields: tuple[str, str]) -> Request:
    """A form of these fields."""
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (n.encode(), v.encode())
        for n, v in fields
    )
    headers = {"content-type": FORM}
    return Request(method="POST", host="h", path="/", headers=headers, body=body + b"--x--\r\n")


def test_a_field_of_a_form_is_looked_at():
    """As in JSON: a number is a count, a yes is a switch."""
    told = form(("model", "whisper-1"), ("summarize_with", "gpt-5"), ("x", "7"), ("y", "true"))
    unread = unread_in(told, provider="openai", fields="transcriptions")
    assert unread == Unread(("summarize_with", "x"), 7)


def test_a_field_that_a_form_has_twice_is_refused_where_they_differ():
    """Servers differ in which of them counts; lists are meant to be lists."""
    twice = form(("model", "whisper-1"), ("model", "gpt-4o-transcribe"))
    with pytest.raises(FormatError, match="'model' twice"):
        unread_in(twice, provider="openai", fields="transcriptions")
    name = "timestamp_granularities[]"
    several = form(("model", "whisper-1"), (name, "word"), (name, "segment"))
    assert unread_in(several, provider="openai", fields="transcriptions") == ALL_READ


def test_a_name_that_a_query_has_twice_is_refused_where_they_differ():
    """As with forms."""
    with pytest.raises(FormatError, match="'model' twice"):
        unread_in(sent({}, "audio/wav", model="base\nnova-3"), provider="deepgram", fields="listen")
    several = sent({}, "audio/wav", search="a\nb")
    assert unread_in(several, provider="deepgram", fields="listen") == ALL_READ


def grpc(message: bytes) -> Request:
    """A gRPC call of this message."""
    return Request(
        method="POST", host="api.x.ai", path="/xai_api.Chat/GetCompletion",
        headers={"content-type": "application/grpc"},
        body=b"\0" + len(message).to_bytes(4) + message,
    )  # fmt: skip


def test_a_field_of_a_grpc_message_is_looked_at():
    """By its number: a switch passes, a count multiplies, a text is a text."""
    number, text = bytes([40 << 3 & 0x7F | 0x80, 40 << 3 >> 7]), b"\x12\x06grok-4"
    for value, unread in (
        (number + varint(1), ALL_READ),
        (number + varint(6), Unread(("40",), 6)),
        (bytes([number[0] | 2, number[1]]) + b"\x03abc", Unread(("40",))),
    ):
        found = unread_in(grpc(text + value), provider="xai", fields="grpcCompletion")
        assert found == unread


def test_a_vendors_own_fields_are_the_vendors():
    """What OpenRouter reads says nothing of OpenAI."""
    document = {"model": "m", "models": ["a", "b"]}
    assert unread_in(sent(document), provider="openrouter", fields="chat") == ALL_READ
    assert unread_in(sent(document), provider="openai", fields="chat").names == ("models",)


TOOLS = {
    "OpenAI's responses": ("openai", "responses", {"tools": [{"type": "deep_browse"}]}),
    "OpenAI's chats": ("openai", "chat", {"tools": [{"type": "web_search"}]}),
    "Anthropic": ("anthropic", "messages", {"tools": [{"type": "video_maker_20270101"}]}),
    "OpenRouter": ("openrouter", "chat", {"tools": [{"type": "scraper"}]}),
    "xAI": ("xai", "responses", {"tools": [{"type": "draw_film"}]}),
    "interactions": ("google", "interactions", {"tools": [{"type": "robot"}]}),
    "Mistral": ("mistral", "conversations", {"tools": [{"type": "robot"}]}),
    "Bedrock, Claude": ("aws-bedrock", "invoke", {"tools": [{"type": "video_maker_20270101"}]}),
    "a session": ("openai", "realtime", {"type": "session.buy"}),
    "a response that is steered": ("openai", "sessionEvents", {"type": "response.steer"}),
}


@pytest.mark.parametrize(("provider", "fields", "body"), TOOLS.values(), ids=TOOLS)
def test_a_hosted_tool_that_nobody_knows_is_refused(provider, fields, body):
    """Its fee could be any; the user may know better."""
    with pytest.raises(FormatError, match="allow_fields") as told:
        unread_in_document(body, provider=provider, fields=fields)
    name = str(told.value).rpartition("[")[2].removesuffix("]`")
    allowed = unread_in_document(body, provider=provider, fields=fields, allowed=[name])
    assert allowed.names == ()


KNOWN_TOOLS = {
    "the caller's own": ("openai", "responses", [{"type": "function", "name": "f"}]),
    "without a type": (
        "anthropic",
        "messages",
        [{"name": "f", "input_schema": {"type": "object"}}],
    ),
    "with a date": ("anthropic", "messages", [{"type": "web_search_20260318", "max_uses": 3}]),
    "with a date in parts": ("openai", "responses", [{"type": "web_search_2025_08_26"}]),
    "of a family": ("openrouter", "chat", [{"type": "openrouter:web_search"}]),
    "Gemini's": (
        "google",
        "generateContent",
        [{"googleSearch": {}}, {"function_declarations": []}],
    ),
}


@pytest.mark.parametrize(("provider", "fields", "tools"), KNOWN_TOOLS.values(), ids=KNOWN_TOOLS)
def test_a_tool_that_is_known_passes(provider, fields, tools):
    """In any of its versions."""
    assert unread_in_document({"tools": tools}, provider=provider, fields=fields) == ALL_READ


@pytest.mark.parametrize("name", ["exaAiSearch", "parallelAiSearch", "xNewSearch"])
@pytest.mark.parametrize("alone", [False, True], ids=["in a list", "alone"])
@pytest.mark.parametrize("told", [{}, {"a": "b"}], ids=["empty", "with settings"])
def test_a_tool_of_gemini_that_is_not_known_is_unread(name, alone, told):
    """Its name is all that asks for it."""
    tools = {name: told} if alone else [{"functionDeclarations": []}, {name: told}]
    unread = unread_in_document({"tools": tools}, provider="google", fields="generateContent")
    assert unread.names == (f"tools.{name}",)


@pytest.mark.parametrize("fields", ["chat", "messages", "responses"])
@pytest.mark.parametrize("kind", ["advisor", "fusion", "image_generation", "subagent", "x_new"])
def test_a_tool_of_openrouter_that_runs_models_is_not_known(fields, kind):
    """What these cost is told nowhere before the call."""
    tools = [{"type": f"openrouter:{kind}"}]
    with pytest.raises(FormatError, match=kind):
        unread_in_document({"tools": tools}, provider="openrouter", fields=fields)


# --- what becomes of it ---------------------------------------------------------------------


def test_an_unread_field_is_told_and_can_be_allowed():
    """Once, with the line of the config that does it; then it is nobody's business."""
    there = walk("100")
    request = chat(max_tokens=10, x_new="turbo")
    for _ in range(3):
        admission = there.firewall.consider(request, Facts())
        assert isinstance(admission, Admission)
        assert admission.ask.unread == ("x_new",)
    ((kind, text),) = there.events
    assert kind == "unread_field"
    assert "`allow_fields: [x_new]`" in text
    allowed = walk("100", allow_fields=("x_new",)).firewall.consider(request, Facts())
    assert allowed.ask.unread == ()


@pytest.mark.parametrize(
    "value",
    [
        "gpt-5-pro",
        ["gpt-4.1", "gpt-5-pro"],
        [{"model": "gpt-5-pro", "weight": 0}],
        {"when_busy": {"gpt-5-pro-2025-10-06": {}}},
    ],
)
def test_a_model_that_is_named_in_an_unread_field_may_serve_the_call(value):
    """In a list, a fallback, a router's settings: the dearest of those named is held."""
    there = walk("1000")
    named = there.firewall.consider(chat(max_tokens=10, x_new=value), Facts())
    asked = chat(max_tokens=10, x_new="turbo")
    asked.body = asked.body.replace(b"gpt-4o-mini", b"gpt-5-pro")
    dearest = there.firewall.consider(asked, Facts())
    assert named.demand.ceiling_nanos() >= dearest.demand.ceiling_nanos()
    other = there.firewall.consider(chat(max_tokens=10, x_new="turbo"), Facts())
    assert other.demand.ceiling_nanos() < dearest.demand.ceiling_nanos() // 10


def test_what_stands_in_an_order_is_looked_at_as_a_call_is():
    """Each message of a batch, and each call of Gemini's."""
    message = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [], "x_new": "turbo"}
    orders = {
        "/v1/messages/batches": ("api.anthropic.com", {"requests": [{"params": message}]}),
        "/v1beta/models/gemini-2.5-flash:batchGenerateContent": (
            "generativelanguage.googleapis.com",
            {"batch": {"inputConfig": {"requests": {"requests": [
                {"request": {"contents": [], "x_new": "turbo"}}]}}}},
        ),
    }  # fmt: skip
    for path, (host, document) in orders.items():
        there = walk("1000")
        admission = there.firewall.consider(post(path, document, host=host), Facts())
        assert isinstance(admission, Admission), admission
        assert [event for event, _ in there.events] == ["unread_field"]
        allowed = walk("1000", allow_fields=("x_new",))
        cheaper = allowed.firewall.consider(post(path, document, host=host), Facts())
        assert not allowed.events
        assert cheaper.demand.ceiling_nanos() < admission.demand.ceiling_nanos()


def test_a_model_that_a_call_of_an_order_names_in_what_nobody_read_is_held_for():
    """As in a call of its own: it may serve it."""

    def held(model, said):
        message = {"model": model, "max_tokens": 9, "messages": [], "x_new": said}
        body = {"requests": [{"params": message}]}
        request = post("/v1/messages/batches", body, host="api.anthropic.com")
        return walk("1000").firewall.consider(request, Facts()).demand.ceiling_nanos()

    opus = held("claude-opus-4-1", "turbo")
    assert held("claude-haiku-4-5", {"model": "claude-opus-4-1"}) >= opus
    assert held("claude-haiku-4-5", "turbo") < opus


def test_a_line_of_a_file_is_looked_at_as_its_vendors_calls_are():
    """What only that vendor has, it has in a batch too."""
    provider, files = match("api.groq.com", "POST", "/openai/v1/files")
    body = {"model": "m", "messages": [], "search_settings": {"country": "de"}, "x_new": "turbo"}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    data = json.dumps(line).encode()
    request = Request(method="POST", host="api.groq.com", path="/openai/v1/files")
    piece = type("P", (), {"purpose": "batch"})
    assert files.line(request, piece, data, provider).unread == ("x_new",)


def test_what_the_user_allows_is_taken_out_of_a_call_and_of_what_it_orders():
    """And what is left multiplies still."""
    part = Ask(model="m", unread=("a", "b"), unread_times=6)
    both = allowing(Ask(model="m", parts=(part,), unread=("a",), unread_times=2), ("a",))
    assert (both.unread, both.unread_times) == ((), 1)
    assert both.parts == (replace(part, unread=("b",)),)


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
