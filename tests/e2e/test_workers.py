"""`llmcap up --workers 2`: one proxy in two processes, and nothing that tells a client so."""

import json
import os
import signal
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from http.client import HTTPResponse
from pathlib import Path

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ProviderHandle
from fake_provider.tls import HOSTS
from llmcap.ledger.liveness import running, workers
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.arrival import TOGETHER

from .test_up import CURL, SECONDS, Shell, proxy_of, wait_until

HOST = "api.openai.com"
CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
CLIENTS = 32


class Proxy:
    """The proxy that a shell has started, and its clients."""

    def __init__(self, shell: Shell, tmp_path: Path) -> None:
        self.shell = shell
        self.folder = tmp_path / "data" / "llmcap"
        self.ledger = self.folder / "ledger.sqlite3"
        self.pid, self.log = proxy_of(shell)
        self.port = json.loads((self.folder / "proxy" / "state.json").read_text())["port"]
        self.tls = ssl.create_default_context(cafile=str(self.folder / "ca" / "mitmproxy-ca.pem"))

    def connected(self) -> ssl.SSLSocket:
        """A connection through it, to the provider."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        plain.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        with HTTPResponse(plain, method="CONNECT") as answer:
            answer.begin()
        return self.tls.wrap_socket(plain, server_hostname=HOST)

    def post(self, connection: ssl.SSLSocket | None = None, **more: object) -> tuple[int, bytes]:
        """A call, on a connection of its own or on this one: status and body; 0: it broke."""
        body = json.dumps({**CALL, **more}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer sk-x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        ours = connection or self.connected()
        try:
            ours.sendall(head.encode() + body)
            with HTTPResponse(ours) as answer:
                answer.begin()
                return answer.status, answer.read()
        finally:
            if connection is None:
                ours.close()

    def pids(self) -> set[int]:
        """The processes of its workers that live."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT pid FROM processes WHERE ended_at IS NULL").fetchall()
        return {pid for (pid,) in rows}

    def figures(self) -> tuple[int, int]:
        """What was spent, and how many holds are open."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as db:
            found: tuple[int, int] = db.execute(
                "SELECT coalesce(sum(cost_nanos), 0), (SELECT count(*) FROM open_holds) "
                "FROM entries"
            ).fetchone()
        return found


@pytest.fixture
def shell(provider: ProviderHandle, tmp_path: Path) -> Iterator[Shell]:
    """Nothing is left standing."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        made = Shell(provider, company, tmp_path)
        yield made
        made("$LLMCAP down")


def up(shell: Shell, tmp_path: Path, *, cap: str) -> Proxy:
    """Two workers that serve."""
    said = shell(f"$LLMCAP up --port 0 --no-page --workers 2 --cap '{cap}'")
    assert "and caps" in said, said
    return Proxy(shell, tmp_path)


def test_two_workers_keep_one_cap_and_are_one_proxy(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """Whatever 32 clients ask of both: the ledger says what the bill says, within the cap."""
    provider.scenario(length="20")
    proxy = up(shell, tmp_path, cap="0.002/day")
    status = json.loads(shell("$LLMCAP status --json"))
    assert (status["proxies"], status["workers"]) == (1, 2)
    assert (running(proxy.ledger), workers(proxy.ledger)) == (1, 2)

    def client(_: int) -> list[int]:
        found = []
        with proxy.connected() as connection:
            while not found or found[-1] == 200:
                found.append(proxy.post(connection)[0])
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        found = [status for each in pool.map(client, range(CLIENTS)) for status in each]
    assert set(found) <= {200, 429, 402}
    spent, held = proxy.figures()
    assert (spent, held) == (provider.nanos(), 0)
    with closing(sqlite3.connect(proxy.ledger)) as db:
        (one,) = db.execute("SELECT max(held_nanos) FROM entries WHERE kind = 'hold'").fetchone()
        assert 2_000_000 - one < spent <= 2_000_000
        served = db.execute("SELECT DISTINCT process_id FROM entries WHERE kind = 'hold'")
        assert len(served.fetchall()) == 2, "one worker had it all"


def test_two_workers_under_a_treasury_are_two_nodes_with_one_cap(
    shell: Shell, provider: ProviderHandle, tmp_path: Path, database: str
) -> None:
    """Each has a ledger of its own; the cap is the fleet's, and used up by both."""
    provider.scenario(length="20")
    config = tmp_path / "llmcap.yaml"
    config.write_text(
        f"treasury: {database}\nbudgets: [{{name: all, cap: $0.002, every: day}}]\nwait: 3\n"
    )
    said = shell(f"$LLMCAP up --port 0 --no-page --workers 2 --config {config}")
    assert "and caps" in said, said
    proxy = Proxy(shell, tmp_path)
    assert (running(proxy.ledger), workers(proxy.ledger)) == (1, 2)

    def client(_: int) -> None:
        with proxy.connected() as connection:
            while proxy.post(connection)[0] == 200:
                pass

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    shell("$LLMCAP down")
    nodes = json.loads(shell(f"$LLMCAP fleet --json --config {config}"))
    assert len(nodes) == 2
    spent = [int(Decimal(node["spent"]["all"]) * 10**9) for node in nodes]
    assert sum(spent) == provider.nanos()
    assert 1_900_000 < sum(spent) <= 2_000_000
    assert min(spent) > 0, "one worker had it all"


def test_a_worker_that_is_killed_is_replaced_and_loses_nothing(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """What it held is billed at once; the other serves on, and another one takes its place."""
    provider.scenario(length="20", gated_after=0)
    proxy = up(shell, tmp_path, cap="1/day")
    before = proxy.pids()
    assert len(before) == 2
    with ThreadPoolExecutor(8) as pool:

        def call(_: int) -> int:
            try:
                return proxy.post()[0]
            except (OSError, ValueError):
                return 0

        answers = [pool.submit(call, number) for number in range(8)]
        wait_until(lambda: provider.bill()["open"] == 8, shown=proxy.log)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(proxy.pids() - {victim}) == 2, shown=proxy.log)
        assert workers(proxy.ledger) == 2
        provider.open_gate()
        statuses = [answer.result() for answer in answers]
    assert set(statuses) <= {200, 0}
    provider.scenario(length="20")
    assert [proxy.post()[0] for _ in range(8)] == [200] * 8
    spent, held = proxy.figures()
    assert held == 0
    assert spent >= provider.nanos()
    assert "another takes its place" in proxy.log.read_text()
    ledger = SqliteLedger(proxy.ledger)
    assert ledger.audit() == []
    ledger.close()


def test_a_second_refusal_is_one_on_whichever_worker(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """A client that opens connections until it met both was told the first refusal once."""
    proxy = up(shell, tmp_path, cap="0.0000001")
    first = proxy.post()[0]
    time.sleep(2 * TOGETHER.total_seconds())  # what comes sooner may have been under way
    assert [first, *(proxy.post()[0] for _ in range(11))] == [429] + [402] * 11
    assert provider.bill()["records"] == []
    with closing(sqlite3.connect(proxy.ledger)) as db:
        refused = db.execute("SELECT DISTINCT process_id FROM entries WHERE kind = 'refused'")
        assert len(refused.fetchall()) == 2, "all came to one worker"


def test_the_end_lets_calls_come_to_theirs(
    shell: Shell, provider: ProviderHandle, tmp_path: Path
) -> None:
    """SIGTERM in the middle of a stream: no new client, and the whole answer."""
    provider.scenario(length="40", tokens_per_event=10, gated_after=1)
    proxy = up(shell, tmp_path, cap="1/day")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(proxy.post, stream=True)
        wait_until(lambda: provider.bill()["open"] == 1, shown=proxy.log)
        os.kill(proxy.pid, signal.SIGTERM)

        def refuses() -> bool:
            try:
                socket.create_connection(("127.0.0.1", proxy.port), timeout=SECONDS).close()
            except OSError:
                return True
            return False

        wait_until(refuses, shown=proxy.log)
        provider.open_gate()
        status, body = answer.result()
    assert status == 200
    assert b"[DONE]" in body
    wait_until(lambda: not workers(proxy.ledger), shown=proxy.log)
    assert proxy.figures() == (provider.nanos(), 0)
    assert shell("$LLMCAP status --json").count('"proxies": 0') == 1


def test_a_signal_lets_all_of_them_read_the_config(shell: Shell, tmp_path: Path) -> None:
    """What one admits, the other does too."""
    config = tmp_path / "llmcap.yaml"
    config.write_text("budgets: [{name: all, cap: 0 requests, every: year}]\n")
    said = shell(f"$LLMCAP up --port 0 --no-page --workers 2 --config {config}")
    assert "all: 0 requests" in said
    proxy = Proxy(shell, tmp_path)
    assert shell(f'eval "$($LLMCAP env)"; {CURL}') == "429"
    before = config.stat()
    config.write_text("budgets: [{name: all, cap: 9 requests, every: year}]\n")
    os.utime(config, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.kill(proxy.pid, signal.SIGHUP)
    wait_until(lambda: proxy.log.read_text().count("again: it is in force") == 2, shown=proxy.log)
    connections = [proxy.connected() for _ in range(8)]
    assert {proxy.post(each)[0] for each in connections} == {200}
    for each in connections:
        each.close()


def test_what_several_workers_cannot_share_is_said(shell: Shell) -> None:
    """One sentence, and the next move."""
    said = shell("$LLMCAP up --port 0 --workers none; $LLMCAP up --workers 2 --ledger :memory:")
    assert "'none' is not auto or a number from 1 to 64" in said
    assert "--workers: the ledger :memory: is of one process" in said
    assert "hint: name a file with --ledger" in said


def test_workers_end_with_their_crew(shell: Shell, tmp_path: Path) -> None:
    """Whatever ends it, nobody is left who serves without a word of it anywhere."""
    proxy = up(shell, tmp_path, cap="1/day")
    os.kill(proxy.pid, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while workers(proxy.ledger):
        assert time.monotonic() < deadline
        time.sleep(0.02)
