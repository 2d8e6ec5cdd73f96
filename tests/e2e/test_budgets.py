"""Budgets per project, thresholds, breakers and alerts, through the real mitmdump."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fake_provider.process import ProviderHandle
from fake_provider.proxy import ProxyHandle
from llmcap.notices.sinks import signature

from .conftest import Start

SECONDS = 900  # ends what hangs
LOOP = 250  # calls of a program that repeats itself

# A program that knows nothing of LLMCap: so many calls, one line for each with what came of it.
TOOL = """
import json, sys, urllib.error, urllib.request
calls, model, same = int(sys.argv[1]), sys.argv[2], len(sys.argv) > 3
for number in range(calls):
    text = "again" if same else f"call {number}"
    body = {"model": model, "max_tokens": 300, "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(
        "https://api.openai.com/v1/chat/completions", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer sk-fake"})
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            answer = json.load(response)
            print(json.dumps({"status": 200, "model": answer["model"],
                "headers": {k.lower(): v for k, v in response.headers.items()}}), flush=True)
    except urllib.error.HTTPError as error:
        print(json.dumps({"status": error.code, "body": error.read().decode()}), flush=True)
"""


def tool(
    proxy: ProxyHandle,
    folder: Path,
    calls: int,
    model: str = "gpt-4o-mini",
    *,
    user: str = "",
    same: bool = False,
) -> list[dict[str, Any]]:
    """Run the program in a folder; what it printed."""
    (folder / "tool.py").write_text(TOOL)
    command = [sys.executable, "tool.py", str(calls), model, *(["same"] if same else [])]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ(proxy, user),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n--- mitmdump:\n{proxy.log()}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def environ(proxy: ProxyHandle, user: str) -> dict[str, str]:
    """The program's environment. Python's own client names no proxy user without a password."""
    return proxy.environ(user=f"{user}:x" if user else "")


def statuses(lines: list[dict[str, Any]]) -> Counter[int]:
    """How many calls ended how."""
    return Counter(line["status"] for line in lines)


def refused(lines: list[dict[str, Any]]) -> int:
    """
    How many calls, the last, were refused: the first of them with a quota's status, and those that
    came after half a second with the one that ends a program. A busy machine has more of these.
    """
    refusals = [line["status"] for line in lines if line["status"] != 200]
    assert refusals == sorted(refusals, reverse=True)
    assert refusals[:1] == [429]
    assert {*refusals} <= {429, 402}
    return len(refusals)


class Receiver:
    """A webhook's receiver: it notes what it gets, and fails as often as told."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.failures = 0
        self.got: list[dict[str, Any]] = []
        self.taken: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                event_id, at = self.headers["webhook-id"], int(self.headers["webhook-timestamp"])
                expected = signature(outer.secret, event_id, at, body)
                assert self.headers["webhook-signature"] == expected
                outer.failures -= 1
                self.send_response(503 if outer.failures >= 0 else 204)
                self.end_headers()
                # One that its sender did not know to be taken comes again, as itself.
                if outer.failures < 0 and event_id not in outer.taken:
                    outer.taken.add(event_id)
                    outer.got.append(json.loads(body))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait_for(self, count: int) -> list[str]:
        """The kinds of the events, when so many have come; a little longer, if more should."""
        deadline = time.monotonic() + SECONDS
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        return [event["event"] for event in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One on a port of its own."""
    found = Receiver("s3cret")
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in a git checkout named gamma."""
    folder = tmp_path / "gamma" / "src"
    folder.mkdir(parents=True)
    (tmp_path / "gamma" / ".git").mkdir()
    return folder


def test_each_project_has_a_cap_of_its_own_however_it_is_known(
    start: Start, provider: ProviderHandle, tmp_path: Path, checkout: Path
) -> None:
    """Two by the proxy's address, one by its process and checkout: one stops, the others go on."""
    provider.scenario(length="300")
    config = "budgets:\n- {name: each-project, cap: $0.002, every: day, per: project}\n"
    proxy = start(config=config)
    alpha = tool(proxy, tmp_path, 30, user="alpha")
    assert statuses(alpha)[429] > 0
    beta = tool(proxy, tmp_path, 5, user="beta")
    assert statuses(beta) == {200: 5}
    gamma = tool(proxy, checkout, 5)
    assert statuses(gamma) == {200: 5}
    assert statuses(tool(proxy, tmp_path, 1, user="alpha")) == {429: 1}
    proxy.settle()
    seen = [
        json.loads(entry["attributes"])
        for entry in proxy.entries("attributes, kind")
        if entry["kind"] == "hold"
    ]
    assert {attributes["project"] for attributes in seen} == {"alpha", "beta", "gamma"}
    (facts,) = {(each["client"], each["cwd"]) for each in seen if each["project"] == "gamma"}
    assert facts == ("tool", str(checkout))


def test_a_header_that_nobody_trusts_is_no_way_out(
    start: Start, provider: ProviderHandle, tmp_path: Path, checkout: Path
) -> None:
    """A program that invents a project is counted where it is, and its header goes no further."""
    config = "budgets:\n- {name: each-project, cap: $5, every: day, per: project}\n"
    proxy = start(config=config)
    source = TOOL.replace('"authorization":', '"x-llmcap-project": "other", "authorization":')
    (checkout / "liar.py").write_text(source)
    subprocess.run(
        [sys.executable, "liar.py", "2", "gpt-4o-mini"],
        cwd=checkout,
        env=proxy.environ(),
        check=True,
        timeout=SECONDS,
    )
    holds = [entry for entry in proxy.entries("attributes, kind") if entry["kind"] == "hold"]
    assert {json.loads(entry["attributes"])["project"] for entry in holds} == {"gamma"}


def test_a_downgrade_is_seen_by_the_provider_the_client_and_the_ledger(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """From its share on every call goes to the cheaper model, and is priced as that."""
    provider.scenario(length="300")
    config = (
        "budgets:\n- name: day\n  cap: $0.10\n  every: day\n"
        "  at: {50%: warn, 95%: {downgrade: gpt-4o-mini}}\n"
    )
    proxy = start(config=config)
    lines = tool(proxy, tmp_path, 40, "gpt-4o")
    assert statuses(lines) == {200: 40}
    lowered = [line for line in lines if "x-llmcap-downgraded" in line["headers"]]
    assert 0 < len(lowered) < 40
    assert lowered == lines[-len(lowered) :]
    assert all(line["model"].startswith("gpt-4o-mini") for line in lowered)
    assert not any(line["model"].startswith("gpt-4o-mini") for line in lines[: -len(lowered)])
    assert lowered[0]["headers"]["x-llmcap-downgraded"] == "gpt-4o to gpt-4o-mini"
    assert lowered[0]["headers"]["x-llmcap-warning"] == "50% of day, 95% of day"
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()
    holds = [entry for entry in proxy.entries("kind, model, attributes") if entry["kind"] == "hold"]
    assert Counter(entry["model"] for entry in holds)["gpt-4o-mini"] == len(lowered)
    assert json.loads(holds[-1]["attributes"])["asked_model"] == "gpt-4o"


def test_a_webhook_gets_one_warning_and_one_stop_across_a_restart(
    start: Start, provider: ProviderHandle, tmp_path: Path, receiver: Receiver
) -> None:
    """Signed, although the receiver fails at first and the proxy is killed in between."""
    provider.scenario(length="300")
    receiver.failures = 2
    config = (
        "budgets:\n- {name: all, cap: $0.004, every: year, at: {50%: warn, 100%: refuse}}\n"
        f"alerts: {{webhook: '{receiver.url}', secret: env:HOOK_SECRET}}\n"
    )
    environ = {"HOOK_SECRET": "s3cret"}
    folder = tmp_path / "proxy"
    proxy = start(folder, config=config, environ=environ)
    tool(proxy, tmp_path, 15)
    assert receiver.wait_for(1) == ["warning"]
    proxy.process.kill()
    proxy.process.wait()
    proxy = start(folder, config=config, environ=environ)
    lines = tool(proxy, tmp_path, 40)
    assert refused(lines) > 5
    assert receiver.wait_for(2) == ["warning", "exceeded"]
    proxy.process.terminate()
    proxy.process.wait()
    proxy = start(folder, config=config, environ=environ)
    assert refused(tool(proxy, tmp_path, 3)) == 3
    proxy.process.terminate()
    proxy.process.wait()  # which brings what is to be brought
    assert receiver.wait_for(2) == ["warning", "exceeded"]
    warned, stopped = receiver.got
    assert (warned["budget"], warned["threshold"], warned["cap"]) == ("all", "50%", "0.004")
    assert stopped["id"] != warned["id"]


def test_a_loop_and_a_fan_out_are_stopped_by_their_breakers(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """
    The same request over and over, and 200 calls at once; another program is left alone.

    The loop goes on for longer than a program may be told the first status. That one of 1,000 gets
    no more through is shown beside the rule, in tests/brakes.
    """
    config = (
        "budgets:\n- {name: all, cap: $100, every: day}\n"
        "breakers: {repeats: {calls: 25}, parallel: {calls: 20}}\n"
    )
    proxy = start(config=config)
    loop = tool(proxy, tmp_path, LOOP, user="loop", same=True)
    assert statuses(loop)[200] == 25
    # It asks again at once, over new connections: what it asked within half a second is the first.
    assert statuses(loop)[429] + statuses(loop)[402] == LOOP - 25
    assert loop[-1]["status"] == 402
    assert "the same request came more than 25 times" in loop[-1]["body"]
    assert statuses(tool(proxy, tmp_path, 20, user="normal")) == {200: 20}
    assert sum(provider.bill()["requests"].values()) == 45
    provider.scenario(length="20", gated_after=0)
    (tmp_path / "fan").mkdir()
    (tmp_path / "fan" / "tool.py").write_text(FAN)
    with subprocess.Popen(
        [sys.executable, "tool.py"],
        cwd=tmp_path / "fan",
        env=environ(proxy, "fan"),
        stdout=subprocess.PIPE,
        text=True,
    ) as fan:
        assert fan.stdout is not None
        at_once = [fan.stdout.readline() for _ in range(180)]
        provider.open_gate()
        later = fan.stdout.readlines()
    assert (Counter(at_once), Counter(later)) == ({"429\n": 180}, {"200\n": 20}), proxy.log()
    assert statuses(tool(proxy, tmp_path, 1, user="normal")) == {200: 1}


FAN = (
    TOOL.split("for number", maxsplit=1)[0].replace(
        "calls, model, same = int(sys.argv[1]), sys.argv[2], len(sys.argv) > 3", ""
    )
    + """
from concurrent.futures import ThreadPoolExecutor
def call(number):
    body = {"model": "gpt-4o-mini", "max_tokens": 30,
        "messages": [{"role": "user", "content": f"agent {number}"}]}
    request = urllib.request.Request(
        "https://api.openai.com/v1/chat/completions", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer sk-fake"})
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            response.read()
            status = 200
    except urllib.error.HTTPError as error:
        status = error.code
    sys.stdout.write(f"{status}\\n")
    sys.stdout.flush()
with ThreadPoolExecutor(200) as pool:
    list(pool.map(call, range(200)))
"""
)


def test_a_config_is_read_again_on_change_and_on_sighup_and_a_bad_one_is_not_used(
    start: Start, provider: ProviderHandle, tmp_path: Path
) -> None:
    """While a call is in flight, which keeps its hold and settles where it was held."""
    provider.scenario(length="20", gated_after=0)
    folder = tmp_path / "proxy"
    proxy = start(folder, config="budgets:\n- {name: all, cap: $1, every: day}\n")
    path = folder / "llmcap.yaml"
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(tool, proxy, tmp_path, 1)
        while provider.bill()["open"] == 0:
            time.sleep(0.02)
        path.write_text("budgets:\n- {name: all, cap: banana}\n")
        wait_for(proxy, "the changed config is not used")
        path.write_text("budgets:\n- {name: all, cap: $0.000001, every: day}\n")
        wait_for(proxy, "read", "llmcap.yaml again")
        provider.open_gate()
        assert statuses(slow.result()) == {200: 1}
    assert statuses(tool(proxy, tmp_path, 1)) == {429: 1}
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()
    # The same size and time as before: only the signal tells.
    before = path.stat()
    again = proxy.log().count("again: it is in force")
    os.kill(proxy.process.pid, 1)
    deadline = time.monotonic() + SECONDS
    while proxy.log().count("again: it is in force") == again:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert path.stat() == before
    assert proxy.process.poll() is None


def wait_for(proxy: ProxyHandle, *parts: str) -> None:
    """Until mitmdump has printed all of this."""
    deadline = time.monotonic() + SECONDS
    while not all(part in proxy.log() for part in parts):
        assert time.monotonic() < deadline, proxy.log()
        time.sleep(0.05)
