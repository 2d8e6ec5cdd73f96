"""However many processes audit, and wherever a file is divided, the same is told."""

import gzip
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils

from llmcap.audit import pieces
from llmcap.audit.audited import Audited
from llmcap.audit.checking import Auditor
from llmcap.audit.crew import Work, audited
from llmcap.audit.memory import Memory, Watched
from llmcap.audit.recordings import read
from llmcap.cli import main
from llmcap.pricing import PriceBook
from llmcap.words.errors import LLMCapError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BOOK = PriceBook()
HOST = "https://api.openai.com"

USED = {"input_tokens": 1_000, "output_tokens": 100}
WORK = Work(
    partial(Auditor, BOOK, now=NOW),
    lambda recording: recording,
    lambda row: json.dumps(row.document() | {"id": ""}),
)


def response(name: str, *, over: bool, text: str = "") -> dict[str, Any]:
    """A response of OpenAI's, over or not."""
    status = "completed" if over else "in_progress"
    usage = USED if over else None
    return {"id": name, "object": "response", "status": status, "model": "gpt-4o-2024-08-06",
            "usage": usage, "instructions": text}  # fmt: skip


def exchange(method: str, path: str, answer: object, asked: str = "") -> tuple[str, str, str, str]:
    """Method, URL, and both bodies."""
    return method, f"{HOST}{path}", asked, json.dumps(answer, ensure_ascii=False)


# What looks like the end of an entry and is none; letters of one, two and four bytes.
TEXTS = st.sampled_from(
    ["", "plain", '},{"request":{}', '}, {"request": {"url": ""}}', "\u00e9\U0001f600", "\\", "\n"]
)
ASKED = json.dumps({"model": "gpt-4o", "input": "hi", "background": True})

# A few names, so that one exchange is told again by another; some are asked for, some fetched.
EXCHANGES = st.one_of(
    st.builds(
        lambda name, over, text: exchange(
            "POST", "/v1/responses", response(name, over=over, text=text), ASKED
        ),
        st.sampled_from(["resp_1", "resp_2", "resp_3"]), st.booleans(), TEXTS,
    ),
    st.builds(
        lambda name, over: exchange("GET", f"/v1/responses/{name}", response(name, over=over)),
        st.sampled_from(["resp_1", "resp_2", "resp_3"]), st.booleans(),
    ),
    st.builds(lambda text: ("GET", "https://example.com/a", "", text), TEXTS),
)  # fmt: skip


def as_lines(exchanges: list[tuple[str, str, str, str]], *, named: bool) -> bytes:
    """JSON Lines, with an empty line here and there."""
    lines = []
    for number, (method, url, asked, answer) in enumerate(exchanges):
        line = {"method": method, "url": url, "request_body": asked, "status": 200,
                "response_headers": {"content-type": "application/json"},
                "response_body": answer}  # fmt: skip
        if named:
            line["id"] = f"x{number}"
        lines += [json.dumps(line, ensure_ascii=False)] + [""] * (number % 2)
    return "\n".join(lines).encode()


def as_har(exchanges: list[tuple[str, str, str, str]], *, named: bool) -> bytes:
    """A HAR in which an entry may hold what looks like entries."""
    entries = []
    for number, (method, url, asked, answer) in enumerate(exchanges):
        kept: dict[str, Any] = {
            "_was": [{"a": 1}, {"request": {"url": url}, "response": {}}, {"request": {}}],
            "request": {"method": method, "url": url, "headers": [], "postData": {"text": asked}},
            "response": {"status": 200, "headers": [],
                         "content": {"mimeType": "application/json", "text": answer}},
        }  # fmt: skip
        entries.append(kept | ({"_id": f"x{number}"} if named else {}))
    log = {"version": "1.2", "entries": entries, "pages": [{"request": {}}, {"request": {}}]}
    indent = 1 if named else None
    return json.dumps({"log": log, "more": 1}, ensure_ascii=False, indent=indent).encode()


def as_flows(exchanges: list[tuple[str, str, str, str]], *, named: bool) -> bytes:
    """A flow file; each flow has a name."""
    assert named in (True, False)
    kept: list[bytes] = []
    file = type("File", (), {"write": lambda _, data: kept.append(data)})()
    writer = FlowWriter(file)
    for number, (method, url, asked, answer) in enumerate(exchanges):
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        flow = tflow.tflow(
            req=tutils.treq(
                method=method.encode(), scheme=scheme.encode(), host=host, port=443,
                path=f"/{path}".encode(), headers=(), content=asked.encode(),
            ),
            resp=tutils.tresp(
                headers=((b"content-type", b"application/json"),), content=answer.encode()
            ),
        )  # fmt: skip
        flow.id = f"x{number}"
        writer.add(flow)
    return b"".join(kept)


def told(rows: Iterator[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """All rows, and what was wrong in the end."""
    found = []
    try:
        for row in rows:
            found.append(row)  # noqa: PERF402 - up to where it breaks off
    except LLMCapError as error:
        return found, str(error)
    return found, ""


def alone(files: list[Path]) -> Iterator[tuple[str, str]]:
    """By one process, this one."""
    return WORK.rows((each for path in files for each in read(path)), Memory())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(EXCHANGES, min_size=1, max_size=12),
    st.sampled_from([as_lines, as_har, as_flows]),
    st.booleans(),
    st.integers(1, 3_000),
    st.integers(2, 3),
    st.none() | st.integers(1, 400),
)
def test_the_same_is_told_whoever_read_which_part(
    tmp_path_factory, exchanges, form, named, size, jobs, lost
):
    """Also where a file breaks off, and where one file tells again what another has told."""
    folder = tmp_path_factory.mktemp("audit")
    whole, part = folder / "whole", folder / "part"
    content = form(exchanges, named=named)
    whole.write_bytes(content)
    part.write_bytes(content[:-lost] if lost and lost < len(content) else content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", size)
        assert told(audited([whole, part], WORK, jobs=jobs)) == told(alone([whole, part]))


def test_a_long_file_is_divided(tmp_path: Path) -> None:
    """Else all of the above would hold, and nobody be faster."""
    many = [exchange("POST", "/v1/responses", response(f"r{n}", over=True)) for n in range(9)]
    for form in (as_lines, as_har, as_flows):
        path = tmp_path / "file"
        path.write_bytes(form(many, named=True))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pieces, "PIECE_BYTES", path.stat().st_size // 5)
            found = list(pieces.pieces_of(path))
            assert len(found) > 3
            read_by = [list(pieces.Reader(piece).recordings()) for piece in found]
        assert sum(map(len, read_by)) == len(many)
        assert sum(map(bool, read_by)) > 3


def test_what_was_told_before_is_looked_up_once_more(tmp_path: Path) -> None:
    """A background response is charged where it is seen first, though two have seen it at once."""
    ordered = exchange("POST", "/v1/responses", response("resp_1", over=False), ASKED)
    fetched = exchange("GET", "/v1/responses/resp_1", response("resp_1", over=True))
    files = [tmp_path / name for name in "abc"]
    for path, exchanges in zip(files, ([ordered], [fetched], [fetched]), strict=True):
        path.write_bytes(as_lines(exchanges, named=False))
    rows, _ = told(audited(files, WORK, jobs=3))
    costs = [json.loads(shown)["cost_usd"] for _, shown in rows]
    assert costs == ["0", "0.0035", "0"]


def killed(row: Audited) -> str:
    """As if there were no memory left."""
    if os.getpid() != TESTS:
        os.kill(os.getpid(), signal.SIGKILL)
    return row.id


TESTS = os.getpid()


def test_a_process_that_is_killed_is_one_sentence(tmp_path: Path) -> None:
    """It says of which bytes nothing is known, and nothing stands still."""
    path = tmp_path / "lines"
    path.write_bytes(as_lines([exchange("GET", "/v1/models", {})], named=True))
    work = Work(WORK.auditor, WORK.placed, killed)
    rows, wrong = told(audited([path], work, jobs=2))
    assert rows == []
    size = path.stat().st_size
    assert f"ended by SIGKILL before it had read the bytes 0 to {size}" in wrong
    assert "--jobs 1" in wrong


@pytest.mark.parametrize("options", [["--json"], []])
def test_the_command_says_the_same(tmp_path: Path, options: list[str]) -> None:
    """As a person reads it, and as a program does."""
    files = []
    for number, form in enumerate((as_lines, as_har, as_flows)):
        many = [exchange("POST", "/v1/responses", response(f"r{n}", over=True)) for n in range(4)]
        files.append(tmp_path / f"{number}")
        files[-1].write_bytes(form(many, named=False))
    said = [
        CliRunner().invoke(
            main, ["audit", "--at", "2026-06-01", "-j", jobs, *options, *map(str, files)]
        )
        for jobs in ("1", "2")
    ]
    assert said[0].exit_code == 0, said[0].output
    assert said[0].output == said[1].output
    assert "0.0035" in said[0].output


def test_holds_are_asked_one_after_the_other(tmp_path: Path) -> None:
    """What one call holds, the next one does not have."""
    path = tmp_path / "lines"
    path.write_bytes(as_lines([exchange("GET", "/v1/models", {})], named=True))
    done = CliRunner().invoke(main, ["audit", "--holds", "-j", "2", str(path)])
    assert done.exit_code == 2
    assert "one call goes after the other" in done.output


def test_a_memory_knows_what_another_has_left() -> None:
    """And whether it would have answered so."""
    memory, watched = Memory(), Watched()
    memory.put(("made", "a"), "x")
    assert watched.get(("made", "a")) is None
    log = watched.logged()
    assert not memory.agrees(log)
    watched.note(("charged", "b"))
    assert watched.get(("charged", "b")) is True
    log = watched.logged()
    assert not memory.agrees(log)
    memory.take(log)
    assert memory.agrees(log)


def test_a_file_that_only_one_can_read_is_shared_by_no_others(tmp_path: Path) -> None:
    """Packed ones and cassettes are read as a whole: a second process would have nothing to do."""
    line = json.dumps({"url": f"{HOST}/v1/responses", "method": "POST", "response_body": "x" * 99})
    lines, packed, tape = (tmp_path / name for name in ("lines", "packed", "cassette"))
    lines.write_text(f"{line}\n" * 50)
    packed.write_bytes(gzip.compress(lines.read_bytes(), 0))
    tape.write_text(json.dumps({"interactions": [], "x": "y" * 9_000}))
    assert pieces.shared_bytes(lines, 1_000) == lines.stat().st_size
    assert pieces.shared_bytes(lines, 10**6) == lines.stat().st_size
    assert [pieces.shared_bytes(path, 1_000) for path in (packed, tape)] == [1_000, 1_000]
