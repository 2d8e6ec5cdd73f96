"""The checks of `llmcap doctor`, each with what it finds well and what it finds ill."""

import os
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from llmcap.authority import ca
from llmcap.checkup import doctor, probe
from llmcap.checkup.doctor import Row, Status
from llmcap.checkup.seen import Seen
from llmcap.launch import behind
from llmcap.launch.environment import MARK
from llmcap.ledger import open_ledger


def statuses(rows: Iterable[Row]) -> list[Status]:
    """Only how they stand."""
    return [row.status for row in rows]


# --- config --------------------------------------------------------------------------------------


def test_a_config_is_right_wrong_or_not_there(tmp_path: Path) -> None:
    """What a proxy started here would be told, with the line that is wrong."""
    path = tmp_path / "llmcap.yaml"
    path.write_text("budgets: [{name: all, cap: $5}]\n")
    (row,) = doctor.config_file(path)
    assert (row.status, row.text) == (Status.OK, f"{path}: 1 budget")
    path.write_text("budgets:\n- {name: all, cap: banana}\n")
    (row,) = doctor.config_file(path)
    assert row.status is Status.FAIL
    assert f"{path}:2: budgets.0.cap: 'banana'" in row.text
    path.write_text("")
    assert statuses(doctor.config_file(path)) == [Status.WARN]
    assert statuses(doctor.config_file(None)) == [Status.OK]


# --- certificate ---------------------------------------------------------------------------------


def test_a_certificate_is_good_or_not_made_yet(tmp_path: Path) -> None:
    """Neither is a fault."""
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    assert "the first run makes one" in next(doctor.certificate(environ)).text
    behind.authority(environ)
    assert statuses(doctor.certificate(environ)) == [Status.OK]


def test_a_key_that_others_can_read_is_mended(tmp_path: Path) -> None:
    """By the fix that the row carries."""
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    path = behind.authority(environ).folder / ca.KEY_FILE
    path.chmod(0o644)
    (row,) = doctor.certificate(environ)
    assert (row.status, row.mend) == (Status.FAIL, f"chmod 600 {path}")
    assert row.fix is not None
    row.fix()
    assert statuses(doctor.certificate(environ)) == [Status.OK]


def test_a_certificate_for_fewer_hosts_is_renewed(tmp_path: Path) -> None:
    """As the next run would; one for more hosts, another config's, is well."""
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    ca.ensure(behind.authority_folder(environ), ["api.openai.com", "llm.corp.example"])
    (row,) = doctor.certificate(environ)
    assert row.status is Status.WARN
    assert row.fix is not None
    row.fix()
    assert statuses(doctor.certificate(environ)) == [Status.OK]
    authority = ca.load(behind.authority_folder(environ))
    assert authority is not None
    assert "llm.corp.example" in authority.domains


def test_a_broken_certificate_is_told(tmp_path: Path) -> None:
    """With the command that removes it."""
    environ = {"XDG_DATA_HOME": str(tmp_path)}
    folder = behind.authority_folder(environ)
    folder.mkdir(parents=True)
    (folder / ca.KEY_FILE).write_text("nonsense")
    (row,) = doctor.certificate(environ)
    assert (row.status, row.mend) == (Status.FAIL, f"rm {folder / ca.KEY_FILE}")


# --- ledger, clock, prices -----------------------------------------------------------------------


def test_a_ledger_can_be_written_or_not(tmp_path: Path) -> None:
    """A folder that is a file is none."""
    assert statuses(doctor.ledger_file(tmp_path / "ledger.sqlite3")) == [Status.OK]
    (tmp_path / "file").touch()
    (row,) = doctor.ledger_file(tmp_path / "file" / "ledger.sqlite3")
    assert row.status is Status.FAIL
    assert "LLMCAP_LEDGER" in row.mend


def test_a_clock_must_not_be_behind_the_ledger(tmp_path: Path) -> None:
    """Windows would turn twice."""
    path = tmp_path / "ledger.sqlite3"
    open_ledger(path).close()
    assert statuses(doctor.clock(path)) == [Status.OK]
    assert statuses(doctor.clock(path, now=time.time() - 3600)) == [Status.FAIL]
    assert statuses(doctor.clock(tmp_path / "none")) == []


def test_old_prices_are_told() -> None:
    """Two months after they were compared with what providers publish."""
    assert set(statuses(doctor.prices(date(2026, 11, 22)))) == {Status.OK}
    assert set(statuses(doctor.prices(date(2027, 11, 22)))) == {Status.WARN}


# --- this shell ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"HTTPS_PROXY": "http://company:3128"}, [("proxy", Status.OK)]),
        ({"HTTPS_PROXY": "socks5://company:1080"}, [("proxy", Status.FAIL)]),
        ({"ANTHROPIC_BASE_URL": "https://gateway.example/v1"}, [("address", Status.WARN)]),
        ({"ANTHROPIC_UNIX_SOCKET": "/run/a.sock"}, [("address", Status.WARN)]),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, []),
        ({"MY_BASE_URL_PREFIX": "x"}, []),
    ],
)
def test_variables_that_lead_elsewhere_are_told(
    environ: dict[str, str], expected: list[tuple[str, Status]]
) -> None:
    """A company's proxy is fine, an address that is not metered is not."""
    assert [(row.check, row.status) for row in doctor.variables(environ)] == expected


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("stream_large_bodies: 1m", True),
        ("ignore_hosts: [api.openai.com]", True),
        ("ssl_insecure: true  # tests", True),
        ("ssl_insecure: false", False),
        ("ignore_hosts: []", False),
        ("block_global: false", True),
        ("block_global: true", False),
        ("# stream_large_bodies: 1m", False),
        ("listen_port: 8081", False),
    ],
)
def test_dangerous_options_of_mitmproxy_are_told(tmp_path: Path, line: str, *, found: bool) -> None:
    """Those under which calls pass unmetered."""
    config = tmp_path / "config.yaml"
    config.write_text(f"{line}\n")
    assert statuses(doctor.mitmproxy_options(config)) == [Status.WARN] * found


def test_a_shell_set_up_for_a_proxy_that_is_gone_is_told(tmp_path: Path) -> None:
    """Every call would fail in it."""
    environ = {"XDG_DATA_HOME": str(tmp_path), MARK: "http://127.0.0.1:9"}
    assert statuses(doctor.standing_proxy(environ)) == [Status.FAIL]
    assert statuses(doctor.standing_proxy({"XDG_DATA_HOME": str(tmp_path)})) == []


def program(folder: Path, name: str, prints: str) -> dict[str, str]:
    """An environment whose PATH has only a program that prints something."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {prints}\n")
    path.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("v20.20.2", Status.WARN),
        ("v22.20.9", Status.WARN),
        ("v22.21.0", Status.OK),
        ("v23.0.0", Status.WARN),
        ("v24.4.0", Status.WARN),
        ("v24.5.0", Status.OK),
        ("v26.0.0", Status.OK),
    ],
)
def test_nodes_that_ignore_proxies_are_told(tmp_path: Path, version: str, status: Status) -> None:
    """The versions in which it reads the variables."""
    assert statuses(doctor.node(program(tmp_path, "node", version))) == [status]


def test_without_node_nothing_is_said(tmp_path: Path) -> None:
    """Nor about one whose version is no version."""
    assert list(doctor.node({"PATH": str(tmp_path)})) == []
    assert list(doctor.node(program(tmp_path, "node", "hello"))) == []


def test_tools_that_cannot_be_capped_are_named(tmp_path: Path) -> None:
    """And why."""
    (row,) = doctor.uncappable(program(tmp_path, "cursor-agent", ""))
    assert (row.check, row.status) == ("Cursor", Status.WARN)
    assert "its maker's own servers" in row.text


def test_a_tool_that_connects_by_its_own_library_is_named(tmp_path: Path) -> None:
    """With what holds it all the same."""
    (row,) = doctor.uncappable(program(tmp_path, "nanocoder", ""))
    assert row.status == Status.WARN
    assert "past every proxy" in row.text
    assert "--confine" in row.mend


# --- the command at hand -------------------------------------------------------------------------


def test_a_command_on_an_old_node_goes_round_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known by the program that it ran, so that it is told without a network too."""
    program(tmp_path, "node", "v20.20.2")
    programs = {"/bin/sh", str(tmp_path / "node")}
    seen = Seen(programs=programs, ended=True, screen="Node.js v20.20.2")
    monkeypatch.setattr(probe, "watch", lambda *_, **__: seen)
    environ = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    (row,) = doctor.probed(["tool"], environ)
    assert row.status is Status.FAIL
    assert "runs on Node v20.20.2, which ignores proxy variables" in row.text
    # One that reads the variables by itself, as Gemini CLI does, was seen to.
    seen.requests.append("POST api.openai.com/v1/responses")
    assert statuses(doctor.probed(["tool"], environ)) == [Status.OK]


@pytest.mark.parametrize(
    ("seen", "status", "text"),
    [
        pytest.param(
            Seen(requests=["POST api.openai.com/v1/responses"]),
            Status.OK, "1 request to api.openai.com read, and none sent", id="good",
        ),
        pytest.param(
            Seen(distrusted=["api.openai.com"]), Status.FAIL, "does not trust it", id="roots",
        ),
        pytest.param(
            Seen(direct={doctor.bypass.Direct(1, "node", "192.0.2.1")}),
            Status.FAIL, "192.0.2.1 port 443 without the proxy", id="bypass",
        ),
        pytest.param(
            Seen(connects=["github.com"], ended=True, screen="a\nno key\n\n"),
            Status.WARN, "it ended by itself, asked for github.com, said 'no key'", id="silence",
        ),
    ],
)  # fmt: skip
def test_what_a_command_did_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Seen, status: Status, text: str
) -> None:
    """What was seen decides, not what is known of the program."""
    monkeypatch.setattr(probe, "watch", lambda *_, **__: seen)
    environ = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    (row,) = doctor.probed(["tool"], environ)
    assert row.status is status
    assert text in row.text


def test_the_calls_that_stay_refused_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, beside what is well; a client may retry them for long, and nobody sees why."""
    call = "POST api.mistral.ai/v1/something/new"
    seen = Seen(requests=[call, call], refused=[call, call])
    monkeypatch.setattr(probe, "watch", lambda *_, **__: seen)
    environ = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    well, named = doctor.probed(["tool"], environ)
    assert (well.status, named.status) == (Status.OK, Status.WARN)
    assert named.text.startswith(f"{call} stays refused")
    assert "unknown_endpoints: pass" in named.mend
