"""Three formats of recordings, one kind of exchange; what is broken is said with file and line."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.io import FlowWriter, tnetstring
from mitmproxy.test import tflow, tutils
from strange import each_strange

from llmcap.audit.checking import Auditor
from llmcap.audit.recordings import Form, Recording, read, read_part
from llmcap.pricing import PriceBook
from llmcap.words.errors import ConfigError, FormatError

ASK = b'{"model": "gpt-5", "messages": []}'
ANSWER = b'{"usage": {"prompt_tokens": 1}}'
AT = datetime(2026, 3, 12, 19, 59, 51, tzinfo=UTC)


def line(**changes: Any) -> dict[str, Any]:
    """An exchange as the JSON Lines format has it."""
    return {
        "id": "x1",
        "method": "post",
        "url": "https://API.openai.com/v1/chat/completions?a=1&b=",
        "request_headers": {"User-Agent": "curl"},
        "request_body": ASK.decode(),
        "status": 200,
        "response_headers": {"Content-Type": "application/json", "Content-Length": "9"},
        "response_body": ANSWER.decode(),
        "recorded_at": AT.isoformat(),
        **changes,
    }


def lines_file(folder: Path, *lines: dict[str, Any]) -> Path:
    """A JSON Lines file."""
    path = folder / "exchanges.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in lines) + "\n\n")
    return path


def har_file(folder: Path) -> Path:
    """A HAR file with one exchange, as a browser exports it."""
    entry = {
        "_id": "x1",
        "startedDateTime": "2026-03-12T20:59:51.000+01:00",
        "request": {
            "method": "POST",
            "url": "https://api.openai.com/v1/chat/completions?a=1&b=",
            "headers": [{"name": "User-Agent", "value": "curl"}],
            "postData": {"mimeType": "application/json", "text": ASK.decode()},
        },
        "response": {
            "status": 200,
            "headers": [
                {"name": "Content-Encoding", "value": "br"},
                {"name": "Content-Type", "value": "application/json"},
            ],
            "content": {"text": base64.b64encode(ANSWER).decode(), "encoding": "base64"},
        },
    }
    path = folder / "session.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}, indent=1))
    return path


def flow_file(folder: Path, **response: Any) -> Path:
    """A mitmproxy flow file: an HTTP flow after one that is none."""
    flow = tflow.tflow(
        req=tutils.treq(
            method=b"POST",
            scheme=b"https",
            host="203.0.113.7",
            path=b"/v1/chat/completions?a=1&b=",
            headers=((b"host", b"api.openai.com"), (b"User-Agent", b"curl")),
            content=ASK,
            timestamp_start=AT.timestamp(),
        ),
        resp=tutils.tresp(**{"headers": ((b"content-type", b"application/json"),), **response}),
    )
    flow.id = "x1"
    path = folder / "flows"
    with path.open("wb") as file:
        writer = FlowWriter(file)
        writer.add(tflow.ttcpflow())
        writer.add(flow)
    return path


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: lines_file(folder, line()), id="json lines"),
        pytest.param(har_file, id="har"),
        pytest.param(lambda folder: flow_file(folder, content=ANSWER), id="mitmproxy"),
    ],
)
def test_every_format_gives_the_same_exchange(make: Any, tmp_path: Path) -> None:
    """Request, response and time, whatever wrote them down."""
    [recording] = read(make(tmp_path))
    request = recording.request
    assert (recording.id, recording.at) == ("x1", AT)
    assert (request.method, request.host, request.path) == (
        "POST", "api.openai.com", "/v1/chat/completions",
    )  # fmt: skip
    assert request.query == {"a": "1", "b": ""}
    assert request.headers["user-agent"] == "curl"
    assert request.body == ASK
    assert (recording.status, recording.body) == (200, ANSWER)
    assert recording.headers == {"content-type": "application/json"}


def old_flow_file(folder: Path) -> Path:
    """The same flow as a mitmproxy of 2020 wrote it: version 11 of the format."""
    with flow_file(folder, content=ANSWER).open("rb") as file:
        tnetstring.load(file)
        state: Any = tnetstring.load(file)
    for conn in ("client_conn", "server_conn"):
        state[conn] |= {"tls_established": True, "cipher_name": None, "state": 0}
    state["client_conn"] |= {"address": ["127.0.0.1", 1], "tls_extensions": None}
    state["server_conn"] |= {"ip_address": None, "source_address": None, "via2": None}
    del state["websocket"]
    path = folder / "old"
    path.write_bytes(tnetstring.dumps({**state, "version": 11, "marked": False}))
    return path


def test_flows_of_old_versions_are_read_as_mitmproxy_reads_them(tmp_path: Path) -> None:
    """They are brought up to date first; a version that nobody knows yet is told."""
    old = old_flow_file(tmp_path)
    [recording], [newer] = read(old), read(tmp_path / "flows")
    assert replace(recording, request=newer.request) == newer
    for name in ("method", "host", "path", "query", "headers", "body"):
        assert getattr(recording.request, name) == getattr(newer.request, name)
    old.write_bytes(old.read_bytes().replace(b"7:version;2:11#", b"7:version;2:99#"))
    with pytest.raises(FormatError, match=r"this is no whole flow file: .* version 99"):
        list(read(old))


def test_of_old_flows_none_is_read_apart_from_the_others(tmp_path: Path) -> None:
    """A session of theirs is in two flows."""
    old = old_flow_file(tmp_path)
    with pytest.raises(FormatError, match="before version 7"):
        list(read_part(old, Form.FLOWS, 0, old.stat().st_size, 1))


def only(folder: Path, **changes: Any) -> Recording:
    """The one exchange of a file with this line."""
    [recording] = read(lines_file(folder, line(**changes)))
    return recording


def test_wire_bytes_keep_their_encoding(tmp_path: Path) -> None:
    """The meter decodes them as it would live ones."""
    wire = gzip.compress(ANSWER)
    recording = only(
        tmp_path,
        response_wire_b64=base64.b64encode(wire).decode(),
        response_headers={"content-encoding": "gzip"},
    )
    assert recording.body == wire
    assert recording.headers["content-encoding"] == "gzip"


def test_bodies_that_were_recorded_decoded_lose_the_header(tmp_path: Path) -> None:
    """It says something that is no longer true."""
    recording = only(tmp_path, response_headers={"content-encoding": "gzip"})
    assert "content-encoding" not in recording.headers


@pytest.mark.parametrize(
    "body", [ASK, gzip.compress(ASK)], ids=["recorded decoded", "recorded encoded"]
)
def test_request_bodies_are_read_decoded(body: bytes, tmp_path: Path) -> None:
    """Claude Code may compress what it sends, and recorders undo that or not."""
    recording = only(
        tmp_path,
        request_headers={"content-encoding": "gzip"},
        request_body=base64.b64encode(body).decode(),
        request_body_encoding="base64",
    )
    assert recording.request.body == ASK


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"recorded_at": None}, None, id="nothing"),
        pytest.param(
            {"recorded_at": None, "response_headers": {"Date": "Thu, 12 Mar 2026 19:59:51 GMT"}},
            AT,
            id="date header",
        ),
        pytest.param({"recorded_at": "2026-03-12T19:59:51"}, AT, id="without a zone: UTC"),
        pytest.param({"recorded_at": "yesterday"}, None, id="no time at all"),
    ],
)
def test_time_is_the_recordings_own_or_the_providers(
    changes: dict[str, Any], expected: datetime | None, tmp_path: Path
) -> None:
    """Prices depend on it, so it is never guessed here."""
    assert only(tmp_path, **changes).at == expected


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\n\n", b" \n\t\n"])
def test_every_line_is_read_wherever_there_are_empty_ones(between: bytes, tmp_path: Path) -> None:
    """Also before the first: what is behind it was spent as well."""
    path = tmp_path / "lines"
    path.write_bytes(between + json.dumps(line()).encode() + between + json.dumps(line()).encode())
    assert [each.body for each in read(path)] == [only(tmp_path).body] * 2


def test_no_response_is_status_zero(tmp_path: Path) -> None:
    """A broken exchange is an exchange too."""
    recording = only(tmp_path, status=None, response_body=None, response_headers=None)
    assert (recording.status, recording.body) == (0, b"")


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"log": {"entries": []}}', b"[]"])
def test_a_file_without_an_exchange_did_not_cost_nothing(tmp_path: Path, content: bytes) -> None:
    """Nothing was recorded: that is no bill of $0.00."""
    path = tmp_path / "empty"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"empty: nothing was recorded|no exchange in it"):
        list(read(path))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        pytest.param(b"hello", "mitmproxy flow files, HAR, cassettes of VCR", id="anything"),
        pytest.param(b'{"method": "GET"}', "line 1 ", id="line without url"),
        pytest.param(json.dumps(line()).encode() + b"\n{", "line 2 ", id="torn line"),
        pytest.param(json.dumps(line(), indent=1).encode() * 2, "line 1 ", id="several lines each"),
        pytest.param(json.dumps(line()).encode() * 2, "line 1 ", id="two on a line"),
        pytest.param(b'{"log": {"entries": [{}]}}', "no HAR", id="har without request"),
        pytest.param(b'{"log": {', "no HAR", id="torn har"),
        pytest.param(b"12:abc", "no whole flow file", id="torn flow file"),
        pytest.param(
            json.dumps(line(response_body="!", response_body_encoding="base64")).encode(),
            "line 1 ",
            id="bad base64",
        ),
    ],
)
def test_what_cannot_be_read_is_named(content: bytes, part: str, tmp_path: Path) -> None:
    """File and line, and what was expected."""
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        list(read(path))
    assert str(path) in str(caught.value)
    assert part in str(caught.value)


def test_a_missing_file_is_a_users_mistake(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read(tmp_path / "nowhere"))


def as_har(exchange: dict[str, Any]) -> dict[str, Any]:
    """The same exchange as a HAR."""
    fields = [
        [{"name": name, "value": value} for name, value in exchange[each].items()]
        for each in ("request_headers", "response_headers")
    ]
    asked = {"method": exchange["method"], "url": exchange["url"], "headers": fields[0],
             "postData": {"text": exchange["request_body"]}}  # fmt: skip
    told = {"status": 200, "headers": fields[1],
            "content": {"size": 9, "text": exchange["response_body"]}}  # fmt: skip
    entry = {"startedDateTime": exchange["recorded_at"], "request": asked, "response": told}
    return {"log": {"entries": [entry]}}


def as_cassette(exchange: dict[str, Any]) -> dict[str, Any]:
    """The same as VCR keeps it, in JSON."""
    asked = {"method": exchange["method"], "uri": exchange["url"],
             "headers": exchange["request_headers"], "body": exchange["request_body"]}  # fmt: skip
    told = {"status": {"code": 200}, "headers": {"Content-Type": ["application/json"]},
            "body": {"string": exchange["response_body"]}}  # fmt: skip
    when = exchange["recorded_at"]
    return {"interactions": [{"request": asked, "response": told, "recorded_at": when}]}


@pytest.mark.parametrize("form", [line, as_har, as_cassette], ids=lambda form: form.__name__)
def test_a_value_of_another_kind_is_audited_or_one_sentence(
    tmp_path: Path, form: Callable[..., Any]
) -> None:
    """Wherever it stands in a recording."""
    document = form() if form is line else form(line())
    auditor = Auditor(PriceBook(), now=AT)
    file = tmp_path / "recording"
    told, audited = set(), 0
    for _ in each_strange(document):
        file.write_text(json.dumps(document))
        try:
            audited += len([auditor.exchange(each) for each in read(file)])
        except FormatError as error:
            told.add(str(error))
    assert audited > 50
    assert len(told) > 3
    assert all(each.startswith(f"{file}: ") and len(each) < 400 for each in told)


def test_a_body_with_a_value_of_another_kind_is_no_recording(tmp_path: Path) -> None:
    """What is to be sent tells no cost, whatever is in it."""
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}
    for _ in each_strange(body):
        with pytest.raises(FormatError):
            list(read(lines_file(tmp_path, body)))


def test_a_header_in_a_list_is_one_value(tmp_path: Path) -> None:
    """As recorders of several languages keep each; one without a value has an empty one."""
    headers = {"Content-Type": ["text/event-stream", "charset=utf-8"], "X-None": None, "X-Two": 2}
    (found,) = read(lines_file(tmp_path, line(response_headers=headers)))
    assert found.headers == {
        "content-type": "text/event-stream, charset=utf-8", "x-none": "", "x-two": "2",
    }  # fmt: skip


def test_a_flow_that_mitmproxy_does_not_take_is_named_in_short(tmp_path: Path) -> None:
    """Its own message brings all of the flow along, which somebody may have written."""
    path = tmp_path / "flows"
    path.write_bytes(tnetstring.dumps({b"version": 21, b"secret": b"x" * 9_000}))
    with pytest.raises(FormatError) as error:
        list(read(path))
    assert len(str(error.value)) < 400
