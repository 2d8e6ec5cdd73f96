"""Promise: a stand-in is found wherever a request can carry a key, and a real one stays outside."""

import base64

import pytest

from llmcap.keys.swap import Key, Keys, mints

REAL, STAND_IN = "sk-proj-RealRealRealReal/+", "sk-proj-FakeFakeFakeFake__"
KEY = Key("openai", REAL, STAND_IN)
KEYS = Keys([KEY, Key("anthropic", "sk-ant-Real", "sk-ant-Fake")])
BASIC = base64.b64encode(f"{STAND_IN}:".encode())

# Every place in which a vendor takes a key.
PLACES = {
    "bearer": ([(b"Authorization", b"Bearer " + STAND_IN.encode())], "/v1"),
    "x-api-key": ([(b"x-api-key", STAND_IN.encode())], "/v1"),
    "api-key": ([(b"api-key", STAND_IN.encode())], "/v1"),
    "x-goog-api-key": ([(b"x-goog-api-key", STAND_IN.encode())], "/v1"),
    "basic": ([(b"authorization", b"Basic " + BASIC)], "/v1"),
    "token": ([(b"authorization", b"Token " + STAND_IN.encode())], "/v1"),
    "websocket": (
        [(b"sec-websocket-protocol", b"realtime, openai-insecure-api-key." + STAND_IN.encode())],
        "/v1/realtime",
    ),
    "query": ([], f"/v1beta/models?alt=sse&key={STAND_IN}"),
    "another case": ([(b"X-GOOG-API-KEY", STAND_IN.encode())], "/v1"),
    "a gateway's": ([(b"cf-aig-authorization", b"Bearer " + STAND_IN.encode())], "/v1"),
    "a service's": ([(b"Ocp-Apim-Subscription-Key", STAND_IN.encode())], "/v1"),
    "a voice's": ([(b"xi-api-key", STAND_IN.encode())], "/v1"),
}

# Where a vendor keeps what it is told, and may show it again.
KEPT = {
    "a file's name": ([(b"x-goog-upload-file-name", STAND_IN.encode())], "/upload/v1beta/files"),
    "a tag": ([(b"x-client-request-id", STAND_IN.encode())], "/v1"),
    "a repetition": ([(b"idempotency-key", STAND_IN.encode())], "/v1"),
    "a deployment": ([], f"/openai/deployments/{STAND_IN}?api-version=1"),
    "a query": ([], f"/v1beta/corpora?displayName={STAND_IN}&pageToken={STAND_IN}"),
}


@pytest.mark.parametrize("place", KEPT)
def test_a_stand_in_stays_where_a_vendor_takes_no_key(place: str) -> None:
    """It is found, so that it can be refused elsewhere, and nobody is shown the real one later."""
    fields, path = tuple(KEPT[place][0]), KEPT[place][1]
    assert KEYS.found_in(fields, path) == [KEY]
    assert KEYS.put_in(fields, path, KEY) == (fields, path)


def test_a_stand_in_that_is_written_as_a_query_wants_it_is_found() -> None:
    """Keys with characters of a query's own, whose stand-ins have them too."""
    key = Key("google", "real+real/real=", "fake+fake/fake=")
    path = "/v1beta/models?key=fake%2Bfake%2ffake%3D&alt=sse"
    assert Keys([key]).found_in((), path) == [key]
    sent = "/v1beta/models?key=real%2Breal%2Freal%3D&alt=sse"
    assert Keys([key]).put_in((), path, key) == ((), sent)


@pytest.mark.parametrize("place", PLACES)
def test_a_stand_in_is_swapped_in_every_place(place: str) -> None:
    """And nothing else of the request is touched."""
    fields, path = PLACES[place]
    fields = ((b"accept", b"*/*"), *fields)
    assert KEYS.found_in(fields, path) == [KEY]
    put, sent = KEYS.put_in(fields, path, KEY)
    assert put[0] == fields[0]
    assert KEYS.found_in(put, sent) == []
    values = b"".join(value for _, value in put)
    if place == "query":
        assert sent == "/v1beta/models?alt=sse&key=sk-proj-RealRealRealReal%2F%2B"
    elif place == "basic":
        assert base64.b64decode(values.removeprefix(b"*/*Basic ")) == f"{REAL}:".encode()
    else:
        assert REAL.encode() in values


def test_a_request_without_one_is_left_alone() -> None:
    """The command may have a key of its own for somebody else."""
    fields = ((b"authorization", b"Bearer sk-own"), (b"authorization", b"Basic ####"))
    assert KEYS.found_in(fields, "/v1") == []


def test_an_answer_tells_no_real_key() -> None:
    """Neither in its head, however it is wrapped, nor in an error."""
    secret = base64.b64encode(f"{REAL}:".encode())
    told = KEYS.taken_out(((b"x-key", REAL.encode()), (b"x-basic", b"Basic " + secret)))
    assert told == ((b"x-key", STAND_IN.encode()), (b"x-basic", b"Basic " + BASIC))
    body = f'{{"error": "Incorrect API key provided: {REAL}"}}'.encode()
    assert KEYS.taken_out_of(body) == body.replace(REAL.encode(), STAND_IN.encode())


def test_the_command_has_stand_ins_wherever_a_real_key_was() -> None:
    """Under the usual names, and under any name that the user gave it."""
    environ = {"MY_KEY": REAL, "URL": f"https://x/?key={REAL}", "OPENAI_API_KEY": "old", "A": "b"}
    made = KEYS.environ(environ, lambda provider: [f"{provider.upper()}_API_KEY"])
    assert made == {
        "MY_KEY": STAND_IN, "URL": f"https://x/?key={STAND_IN}", "OPENAI_API_KEY": STAND_IN,
        "ANTHROPIC_API_KEY": "sk-ant-Fake", "A": "b",
    }  # fmt: skip


def test_no_key_is_shown() -> None:
    """A record that stands in a traceback tells whose it is, and no more."""
    assert REAL not in repr(KEY)
    assert STAND_IN not in repr(KEY)


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("POST /v1/organization/admin_api_keys", True),
        ("POST /v1/organization/projects/p/service_accounts", True),
        ("POST /v1/realtime/client_secrets", True),
        ("POST /v1/realtime/sessions", True),
        ("POST /v1/realtime/transcription_sessions", True),
        ("POST /v1/chatkit/sessions", True),
        ("POST /v1alpha/auth_tokens", True),
        ("POST /api/v1/keys", True),
        ("POST /api/v1/auth/keys", True),
        ("POST /v1/auth/grant", True),
        ("DELETE /api/v1/keys/abc?x=/v1", True),
        ("GET /api/v1/keys", False),
        ("POST /v1/chat/completions", False),
        ("POST /v1/messages/count_tokens", False),
        ("POST /v1beta/models/gemini:generateContent?key=/keys/", False),
    ],
)
def test_what_makes_a_credential_is_known(request_line: str, expected: bool) -> None:  # noqa: FBT001
    """By what the vendors call such things."""
    assert mints(*request_line.split(" ")) is expected
