"""
What LLMCap adds to mitmdump, and what `llmcap up` saves: proxies in one run, taken in turn.

- bare: mitmdump alone
- null: mitmdump with a stream callable that does nothing, the least that any meter must do
- llmcap: mitmdump with LLMCap under a cap, its ledger on disk
- up: `llmcap up`, likewise

All of them serve the same calls to a provider on loopback, over TLS on both sides. Each cell runs
them in turn for several rounds; a figure is the median of the rounds, a ratio the median of the
rounds' ratios to null, so that a machine whose speed drifts does not decide the comparison.
`--quick` is for CI: it shows that the bench runs, its figures mean little.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.certs import CertStore

ROOT = Path(__file__).resolve().parents[1]
HOST = "api.openai.com"
VARIANTS = ("bare", "null", "llmcap", "up")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS_MAX = 30
TICKS = os.sysconf("SC_CLK_TCK")

USAGE = {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100}
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "word " * 60},
             "finish_reason": "stop"}
        ],
        "usage": USAGE,
    }
).encode()  # fmt: skip

REDIRECT = """
def server_connect(data):
    data.server.address = ("127.0.0.1", {port})
"""

# What sends `llmcap up`, as it is, to the provider on loopback: it opens no connection elsewhere.
EVERYWHERE = """
import asyncio

there = asyncio.open_connection

async def here(host, port, **more):
    return await there("127.0.0.1", {port}, **more)

asyncio.open_connection = here
"""

NULL = """
def responseheaders(flow):
    flow.response.stream = lambda data: data
"""


@dataclass(frozen=True)
class Load:
    """One cell of the table."""

    name: str
    clients: int
    calls: int  # in all, per round
    stream: bool = False
    reconnect: bool = False


# --- the provider ---------------------------------------------------------------------------


def sse_event(document: dict[str, object]) -> bytes:
    """One event in a chunk of its own."""
    data = b"data: " + json.dumps(document).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(text: str, **more: object) -> dict[str, object]:
    """A chunk of a chat completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    model = "gpt-4o-mini-2024-07-18"
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model,
                "choices": [choice]}  # fmt: skip
    return document | more


async def provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, events: int) -> None:
    """Answer each request with the JSON document, or with a stream of that many events."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    one = sse_event(delta("word "))
    last = sse_event(delta("", choices=[], usage=USAGE))
    end = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    try:
        while True:
            raw = await reader.readuntil(b"\r\n\r\n")
            length = int(raw.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
            body = await reader.readexactly(length)
            if b'"stream":true' not in body.replace(b" ", b""):
                writer.write(answer % (len(ANSWER), ANSWER))
                continue
            writer.write(head)
            for _ in range(events):
                writer.write(one)
                await asyncio.sleep(0)
            writer.write(last + end)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass
    finally:
        writer.close()


# --- the clients ----------------------------------------------------------------------------


class Client:
    """A keep-alive connection through the proxy."""

    def __init__(self, port: int, body: bytes) -> None:
        self.port = port
        self.request = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\n"
            b"content-type: application/json\r\nauthorization: Bearer sk-bench\r\n"
            b"user-agent: bench/1\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )

    async def open(self) -> None:
        """Connect through the proxy, without looking at the certificate."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(
            b"CONNECT api.openai.com:443 HTTP/1.1\r\nhost: api.openai.com:443\r\n\r\n"
        )
        await self.reader.readuntil(b"\r\n\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await self.writer.start_tls(context, server_hostname=HOST)

    async def call(self) -> None:
        """One request, its whole response read."""
        self.writer.write(self.request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"not served: {head!r}")
        if b"transfer-encoding: chunked" in head:
            while True:
                size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
                await self.reader.readexactly(size + 2)
                if size == 0:
                    return
        length = int(head.partition(b"content-length:")[2].partition(b"\r")[0])
        await self.reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


def body_of(load: Load) -> bytes:
    """What each call of a load asks."""
    messages = [{"role": "user", "content": "Say sixty words. " * 8}]
    body = {"model": "gpt-4o-mini", "messages": messages, "max_tokens": 4096}
    if load.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body).encode()


async def drive(clients: list[Client], load: Load, latencies: list[float]) -> None:
    """Do a load's calls over its open clients, and note how long each took, in seconds."""
    left = load.calls

    async def work(client: Client) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            started = time.perf_counter()
            if load.reconnect:
                client.close()
                await client.open()
            await client.call()
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(work(client) for client in clients))


# --- the proxies ----------------------------------------------------------------------------


class Proxy:
    """A real mitmdump, or `llmcap up`, in a process of its own."""

    def __init__(self, name: str, folder: Path, upstream: int) -> None:
        self.name = name
        self.port = free_port()
        start = self._up if name == "up" else self._mitmdump
        self.process = start(folder, upstream)
        self._wait_until_ready()

    def _up(self, folder: Path, upstream: int) -> "subprocess.Popen[bytes]":
        (folder / "up").mkdir()
        (folder / "up" / "sitecustomize.py").write_text(EVERYWHERE.format(port=upstream))
        command = [
            sys.executable, "-m", "llmcap.cli", "up", "--foreground", "--port", str(self.port),
            "--cap", "1000000", "--ledger", str(folder / "up.sqlite3"),
        ]  # fmt: skip
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "PYTHONPATH": os.pathsep.join([str(folder / "up"), str(ROOT / "addons")]),
            "SSL_CERT_FILE": str(folder / "upstream" / "bench-ca-cert.pem"),
        }
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)

    def _mitmdump(self, folder: Path, upstream: int) -> "subprocess.Popen[bytes]":
        name = self.name
        (folder / "redirect.py").write_text(REDIRECT.format(port=upstream))
        (folder / "null.py").write_text(NULL)
        command = [
            str(Path(sys.executable).with_name("mitmdump")), "-q", "--mode",
            f"regular@127.0.0.1:{self.port}", "--set", f"confdir={folder}", "--set",
            "ssl_insecure=true", "-s", str(folder / "redirect.py"),
        ]  # fmt: skip
        if name == "null":
            command += ["-s", str(folder / "null.py")]
        if name == "llmcap":
            command += ["-s", str(ROOT / "addons" / "llmcap_addon.py")]
            command += ["--set", "llmcap_cap=1000000"]
            command += ["--set", f"llmcap_ledger={folder / 'ledger.sqlite3'}"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as sock:
                sock.settimeout(1)
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self.name} did not start")

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        """Resident memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * PAGE_BYTES / 1e6

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# --- measuring ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """One proxy under one load in one round."""

    latency_ms: float
    calls_per_second: float
    cpu_ms: float  # of the proxy, per call


async def measure(proxy: Proxy, load: Load) -> Figure:
    """Put one proxy under one load, once. Connections are made, and used, before that."""
    latencies: list[float] = []
    clients = [Client(proxy.port, body_of(load)) for _ in range(load.clients)]
    for client in clients:
        await client.open()
        await client.call()
    cpu, started = proxy.cpu_seconds(), time.perf_counter()
    await drive(clients, load, latencies)
    elapsed = time.perf_counter() - started
    cpu = proxy.cpu_seconds() - cpu
    for client in clients:
        client.close()
    return Figure(
        statistics.median(latencies) * 1000,
        len(latencies) / elapsed,
        cpu / len(latencies) * 1000,
    )


def row(load: Load, figures: dict[str, list[Figure]], events: int) -> str:
    """One line of the table: the null proxy's figures, and the others' ratios to it."""

    def median(name: str, field: str) -> float:
        return float(statistics.median(getattr(figure, field) for figure in figures[name]))

    def ratio(name: str, field: str) -> str:
        pairs = zip(figures[name], figures["null"], strict=True)
        value = statistics.median(getattr(a, field) / getattr(b, field) for a, b in pairs)
        return f"{value:7.2f}"

    cells = [f"{load.name:<26}", f"{median('null', 'latency_ms'):9.2f} ms"]
    rate = median("null", "calls_per_second")
    cells.append(f"{rate * events:9.0f} ev/s" if load.stream else f"{rate:9.0f} /s  ")
    fields = ("latency_ms", "calls_per_second", "cpu_ms")
    others = [name for name in VARIANTS if name != "null"]
    cells += [" ".join(ratio(name, field) for name in others) for field in fields]
    return " | ".join(cells)


async def bench(loads: list[Load], *, rounds: int, events: int) -> None:
    """Print the table, a line a load."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        context = server_context(folder)
        server = await asyncio.start_server(
            lambda reader, writer: provide(reader, writer, events), "127.0.0.1", 0, ssl=context
        )
        upstream = server.sockets[0].getsockname()[1]
        proxies: list[Proxy] = []
        try:
            for name in VARIANTS:
                proxies += [await asyncio.to_thread(Proxy, name, folder, upstream)]
            for proxy in proxies:
                await measure(proxy, Load("warm-up", 4, 60))
            ratios = " | ".join(f"{name + ' ratio':<23}" for name in ("latency", "rate", "CPU"))
            print(f"{'':<26} | {'null':>12} | {'null':>14} | {ratios}")
            head = "    bare  llmcap      up |"
            print(f"{'':<26} | {'latency':>12} | {'rate':>14} |" + head * 3)
            for load in loads:
                figures: dict[str, list[Figure]] = {proxy.name: [] for proxy in proxies}
                for turn in range(rounds):
                    first = turn % len(proxies)
                    for proxy in proxies[first:] + proxies[:first]:
                        figures[proxy.name].append(await measure(proxy, load))
                print(row(load, figures, events), flush=True)
            memory = {proxy.name: proxy.memory_mb() for proxy in proxies}
            print("memory, MB: " + ", ".join(f"{name} {mb:.0f}" for name, mb in memory.items()))
        finally:
            for proxy in proxies:
                proxy.stop()
            server.close()


def server_context(folder: Path) -> ssl.SSLContext:
    """A TLS context with a certificate of its own."""
    store = CertStore.from_store(folder / "upstream", "bench", 2048)
    entry = store.get_cert(HOST, [x509.DNSName(HOST)])
    pem = folder / "upstream.pem"
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    pem.write_bytes(key + entry.cert.to_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--quick", action="store_true", help="a few calls each, for CI")
    parser.add_argument("--rounds", type=int, default=0, help="rounds per cell (default 7)")
    options = parser.parse_args()
    scale = 1 if options.quick else 10
    rounds = options.rounds or (1 if options.quick else 7)
    events = 200 if options.quick else 2000
    loads = [Load(f"JSON, {n} kept", n, 20 * scale) for n in (1, 8, 32)]
    loads.append(Load("JSON, 8, new connections", 8, 4 * scale, reconnect=True))
    loads += [Load(f"SSE, {n} kept", n, max(n, scale), stream=True) for n in (1, 8, 32)]
    asyncio.run(bench(loads, rounds=rounds, events=events))


if __name__ == "__main__":
    main()
