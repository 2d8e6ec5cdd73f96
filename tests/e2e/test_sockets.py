"""WebSocket sessions through the real mitmdump: metered, refused, cut, and no storm after that."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from company_proxy import CompanyProxy
from fake_provider.proxy import ProxyHandle, proxy_process
from fake_provider.sockets import SocketProvider
from fake_provider.tls import HOSTS

from .conftest import CLIENTS, PROGRAMS, Run
from .people import User


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[SocketProvider]:
    """A provider of Responses over a WebSocket."""
    folder = tmp_path / "provider"
    folder.mkdir()
    with SocketProvider(folder) as serving:
        yield serving


@pytest.fixture
def start(provider: SocketProvider, tmp_path: Path) -> Iterator[Any]:
    """Starts mitmdump with LLMCap in front of it."""
    with ExitStack() as stack:

        def starter(**settings: Any) -> ProxyHandle:
            process = proxy_process(tmp_path / "proxy", provider.handle, warm=True, **settings)
            return stack.enter_context(process)

        yield starter


def test_a_session_is_billed_to_the_token(start: Any, run: Run, provider: SocketProvider) -> None:
    """A warm-up and five turns over one connection, all of them in the ledger."""
    proxy = start(cap="1")
    lines = run(proxy, "codex", "--turns=5", "--limit=50")
    assert lines[-1] == {"event": "finished", "turns": 5, "attempts": 1}
    assert [line["words"] for line in lines[:-1]] == [0, *[20] * 5]
    proxy.settle()
    assert proxy.spent_nanos() == provider.bill.nanos > 0
    assert (provider.bill.upgrades, provider.bill.creates) == (1, 6)
    kinds = [entry["kind"] for entry in proxy.entries("kind")]
    assert kinds == ["hold", "settled"] * 6


def test_a_session_under_llmcap_run_is_billed_and_stopped_alike(
    provider: SocketProvider, tmp_path: Path
) -> None:
    """Its proxy has few of mitmproxy's addons, and all that a session needs."""
    program = [str(CLIENTS), str(PROGRAMS / "codex_program.py"), "--turns=1000", "--limit=50"]
    with CompanyProxy(dict.fromkeys(HOSTS, provider.handle.port)) as company:
        user = User(provider.handle, company, tmp_path, {"OPENAI_API_KEY": "sk-fake"})
        done = user.run("--cap", "0.002", "--", *program)
    assert done.returncode == 124, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["attempts"]) == ("stopped", 1)
    assert user.spent_nanos() == provider.bill.nanos > 0
    assert provider.bill.upgrades == 1


@pytest.mark.parametrize("how", [[], ["--protocol"]], ids=["header", "protocol"])
def test_a_session_has_the_real_key_of_its_owner(
    provider: SocketProvider, tmp_path: Path, how: list[str]
) -> None:
    """In the head of its upgrade, or in a subprotocol; the command has a stand-in, confined too."""
    real = "sk-proj-R3aLr3AlR3aLr3AlR3aLr3AlR3aLr3Al"
    (tmp_path / "llmcap.yaml").write_text("keys: {openai: env:MINE}\n")
    more = {"MINE": real, "LLMCAP_CONFIG": str(tmp_path / "llmcap.yaml")}
    program = [str(CLIENTS), str(PROGRAMS / "codex_program.py"), "--turns=2", "--limit=50", *how]
    with CompanyProxy(dict.fromkeys(HOSTS, provider.handle.port)) as company:
        user = User(provider.handle, company, tmp_path, more)
        done = user.run(*["--confine"] * bool(how), "--", *program)
    assert done.stdout, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"event": "finished", "turns": 2, "attempts": 1}, done.stderr
    told = f"realtime openai-insecure-api-key.{real}" if how else f"Bearer {real}"
    assert provider.bill.keys == [told]
    assert user.spent_nanos() == provider.bill.nanos > 0


def test_a_capped_session_stops_at_the_refused_frame(
    start: Any, run: Run, provider: SocketProvider
) -> None:
    """The client reads why, the provider does not see the frame, and nobody comes again."""
    proxy = start(cap="0.002")
    lines = run(proxy, "codex", "--turns=1000", "--limit=50")
    assert lines[-1]["event"] == "stopped"
    assert lines[-1]["attempts"] == 1
    refused = lines[-2]
    assert (refused["status"], refused["type"]) == (429, "insufficient_quota")
    assert "LLMCap stopped this call" in refused["message"]
    proxy.settle()
    assert provider.bill.upgrades == 1
    assert provider.bill.creates == provider.bill.completed == lines[-1]["turns"] + 1
    assert proxy.spent_nanos() == provider.bill.nanos <= 2_000_000
    assert len(proxy.requests()) == 1


def test_a_running_response_is_cut(start: Any, run: Run, provider: SocketProvider) -> None:
    """The provider stops writing, the client stops asking, and the bill keeps to the cap."""
    provider.words, provider.word_seconds = 100_000, 0.0002
    config = """
budgets:
  - name: small
    cap: $0.003
    hold: sliced
clamp: false
"""
    proxy = start(config=config)
    lines = run(proxy, "codex", "--turns=5", "--limit=16000")
    assert lines[-1] == {"event": "stopped", "turns": 0, "attempts": 1}
    assert "this answer" in lines[-2]["message"]
    assert lines[-2]["words"] > 100
    proxy.settle()
    assert provider.bill.upgrades == 1
    assert provider.bill.completed == 1  # the warm-up
    assert provider.bill.written < 16_000
    assert provider.bill.nanos <= proxy.spent_nanos() <= 3_000_000


def test_what_cannot_be_metered_is_answered_with_426(
    start: Any, run: Run, provider: SocketProvider
) -> None:
    """At which Codex goes on with plain requests; no connection to the provider is opened."""
    proxy = start(cap="1")
    for path in ("/v1/no/such/socket", "/v1/models", "/v1/live/sessions"):
        lines = run(proxy, "codex", f"--url=wss://api.openai.com{path}")
        assert lines == [{"event": "not upgraded", "status": 426, "attempts": 1}], path
    assert provider.bill.upgrades == 0


def test_the_frames_reach_the_other_side_unchanged(
    start: Any, run: Run, provider: SocketProvider
) -> None:
    """What is not clamped is byte for byte what the client sent."""
    proxy = start(cap="1")
    run(proxy, "codex", "--turns=1", "--limit=50")
    sent = {
        "type": "response.create", "model": "gpt-4o-mini", "input": "x" * 200, "generate": False,
    }  # fmt: skip
    assert json.dumps(provider.bill.frames[0]) == json.dumps(sent)
