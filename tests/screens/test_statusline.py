"""The line on what is spent and left: quick, quiet, and right to the last digit shown."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcap.screens import statusline

ADDONS = Path(__file__).resolve().parents[2] / "addons"


def budget(left: str, cap: str, *, name: str = "cap", value: str = "") -> dict[str, Any]:
    """One as the proxy tells it."""
    return {"budget": name, "value": value, "unit": "usd", "cap": cap, "left": left}


# --- what it says --------------------------------------------------------------------------------


def test_it_says_what_is_spent_and_left() -> None:
    """The run's cost, and its cap."""
    status = {"cost_usd": "0.43", "budgets": [budget("4.57", "5")]}
    assert statusline.render(status, "plain") == "$0.43 spent · $4.57 of $5.00 left"


def test_a_session_is_shown_beside_what_its_agent_says() -> None:
    """In place of the run's cost, which may be that of several sessions."""
    status = {"cost_usd": "0.43", "session_usd": "0.4", "agent_usd": "0.412300",
              "budgets": [budget("4.57", "5")]}  # fmt: skip
    said = statusline.render(status, "plain")
    assert said == "session $0.40 (by the agent $0.41) · $4.57 of $5.00 left"


def test_the_budget_nearest_to_its_cap_comes_first() -> None:
    """With its name; two of them at most."""
    status = {"budgets": [budget("4", "5"), budget("1", "20", name="ci", value="web"),
                          budget("50", "50", name="all")]}  # fmt: skip
    assert statusline.render(status, "plain") == "$1.00 of $20.00 left ci web · $4.00 of $5.00 left"


@pytest.mark.parametrize(
    ("amount", "up", "down"),
    [
        ("0", "$0.00", "$0.00"),
        ("0.000000", "$0.00", "$0.00"),
        ("5", "$5.00", "$5.00"),
        ("1.999", "$2.00", "$1.99"),
        ("0.5", "$0.50", "$0.50"),
        ("0.00003135", "$0.000031", "$0.000031"),
        ("12345.678", "$12345.68", "$12345.67"),
    ],
)
def test_amounts_are_short_and_what_is_left_is_rounded_down(
    amount: str, up: str, down: str
) -> None:
    """Small ones keep two digits that matter."""
    assert statusline._dollars(amount) == up
    assert statusline._dollars(amount, down=True) == down


def test_budgets_may_count_something_else() -> None:
    """Requests, tokens."""
    status = {"budgets": [{**budget("0", "0", name="tries"), "unit": "requests", "cap": 1000,
                           "left": 940}]}  # fmt: skip
    assert statusline.render(status, "plain") == "940 of 1,000 requests left tries"


@pytest.mark.parametrize(
    ("left", "ansi", "tmux"), [("4", "\x1b[32m", "green"), ("1", "\x1b[33m", "yellow"),
                               ("0.1", "\x1b[31m", "red")],
)  # fmt: skip
def test_the_colour_tells_how_near_the_cap_is(left: str, ansi: str, tmux: str) -> None:
    """Green, yellow from three quarters on, red at the end."""
    status = {"budgets": [budget(left, "5")]}
    assert statusline.render(status, "ansi").startswith(ansi)
    assert statusline.render(status, "tmux").startswith(f"#[fg={tmux}]")


@pytest.mark.parametrize(
    ("left", "level"), [("250000000", "gone"), ("250000000.000000001", "low"),
                        ("1250000000", "low"), ("1250000000.000000001", "ok")],
)  # fmt: skip
def test_a_billionth_decides_the_colour(left: str, level: str) -> None:
    """A float of such an amount would not know it."""
    status = {"budgets": [budget(left, "5000000000")]}
    assert json.loads(statusline.render(status, "waybar"))["class"] == level


def test_bars_get_what_they_read() -> None:
    """Waybar one JSON line, xbar a menu."""
    status = {"budgets": [budget("1", "5"), budget("3", "4", name="ci")]}
    waybar = json.loads(statusline.render(status, "waybar"))
    assert (waybar["class"], waybar["percentage"]) == ("low", 80)
    assert waybar["tooltip"] == "$1.00 of $5.00 left\n$3.00 of $4.00 left ci"
    assert statusline.render(status, "xbar").splitlines()[1:] == [
        "---", "$1.00 of $5.00 left", "$3.00 of $4.00 left ci",
    ]  # fmt: skip


def test_without_a_proxy_it_says_so() -> None:
    """But for tmux, whose bar is better left free."""
    assert statusline.render(None, "plain") == "LLMCap off"
    assert statusline.render(None, "tmux") == ""
    assert statusline.render(None, "json") == "null"


# --- what an agent says ---------------------------------------------------------------------------

CLAUDE = {"hook_event_name": "Status", "session_id": "4721e921-cd52", "cost": {
    "total_cost_usd": 0.01234, "total_duration_ms": 45000}}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (json.dumps(CLAUDE), {"session": "4721e921-cd52", "cost_usd": "0.012340"}),
        ('{"session_id": "a b\\r\\nc: d"}', {"session": "", "cost_usd": ""}),
        ("[1]", {"session": "", "cost_usd": ""}),
        ('{"cost": {"total_cost_usd": 0}}', {"session": "", "cost_usd": "0.000000"}),
        ('{"cost": {"total_cost_usd": NaN}}', {"session": "", "cost_usd": ""}),
        ('{"cost": {"total_cost_usd": 1e999}}', {"session": "", "cost_usd": ""}),
        ('{"cost": {"total_cost_usd": -1}}', {"session": "", "cost_usd": ""}),
        ("{", {}),
        ("", {}),
    ],
)
def test_the_session_is_read_from_what_an_agent_writes(said: str, found: dict[str, str]) -> None:
    """As Claude Code does; what is no such thing is nothing."""
    reading, writing = os.pipe()
    os.write(writing, said.encode())
    os.close(writing)
    assert statusline.said_by_agent(reading) == found
    os.close(reading)


def test_nobody_has_to_write_anything() -> None:
    """A pipe that stays open, a closed descriptor."""
    reading, writing = os.pipe()
    assert statusline.said_by_agent(reading) == {}
    os.close(writing)
    os.close(reading)
    assert statusline.said_by_agent(reading) == {}


# --- whom it asks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:4100", ("127.0.0.1", 4100)),
        ("http://project@127.0.0.1:4100", ("127.0.0.1", 4100)),
    ],
)
def test_the_proxy_of_the_environment_is_asked(url: str, address: tuple[str, int]) -> None:
    """With or without a project in its URL."""
    assert statusline.proxy_address({"LLMCAP_PROXY": url}) == address


def test_else_the_standing_one(tmp_path: Path) -> None:
    """Of which there is none in an empty home."""
    assert statusline.proxy_address({"XDG_DATA_HOME": str(tmp_path)}) is None


@pytest.fixture
def answers(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of a proxy that answers with the bytes of the parameter, or not at all."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(request.param)
                over.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        yield {"LLMCAP_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        over.set()
        thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize("answers", [OK % (13, b'{"budgets":[]}'[:13] + b"")], indirect=True)
def test_what_is_no_json_is_no_answer(answers: dict[str, str]) -> None:
    """Something else may listen on that port."""
    assert statusline.ask(answers) is None


@pytest.mark.parametrize("answers", [OK % (14, b'{"budgets":[]}')], indirect=True)
def test_an_answer_is_taken_when_it_is_whole(
    answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for the connection to be closed, which it is not before the test ends."""
    monkeypatch.setattr(statusline, "ANSWER_SECONDS_MAX", 60)  # whoever waited would give up
    assert statusline.ask(answers) == {"budgets": []}


@pytest.mark.parametrize("answers", [b"HTTP/1.1 200 OK\r\n"], indirect=True)
def test_a_proxy_that_hangs_is_not_waited_for(answers: dict[str, str]) -> None:
    """Half a second, then nothing."""
    assert statusline.ask(answers) is None


def test_it_imports_no_more_than_it_needs() -> None:
    """Neither mitmproxy nor click: an agent runs it several times a second."""
    program = (
        "import sys\nfrom llmcap.screens import statusline\n"
        "statusline.main([], {'LLMCAP_PROXY': 'x:1'})\n"
        "print([n for n in ('mitmproxy', 'click', 'asyncio', 'cryptography', 'yaml')"
        " if n in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ADDONS)},
    ).stdout  # fmt: skip
    assert said.splitlines()[-1] == "[]"
