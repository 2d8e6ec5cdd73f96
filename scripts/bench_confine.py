"""
What confinement costs: `llmcap run --confine` beside `llmcap run`, taken in turn in each round.

The same client (this file, with `--client`) makes calls to a provider on loopback over TLS, through
the proxy of its variables or, confined, by the name alone. A figure is the median of the rounds'
ratios, confined to not, with the interval that holds their middle nine tenths; "least" is the ratio
of the smallest values, which other programs on the machine disturb least. CPU is that of
`llmcap run`. Of the start it is what confinement adds to the whole run, with its helper and its
keeper, beside an empty program of the same interpreter.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

HOST, FREE_HOST = "api.openai.com", "fal.run"  # of the second, LLMCap does not read a byte
GIGABYTE = 10**9
CHUNK = b"\0" * 262_144
OPEN_FILES = 8192

KEPT_CALLS, NEW_CALLS, AT_ONCE = 400, 60, 1000
STARTS = 5  # in each round: one takes half a second, and little of it is what is looked for
RUN_SECONDS_MAX = 600

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 60},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100},
    }
).encode()  # fmt: skip
BODY = json.dumps(
    {"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
).encode()
CALL = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json"
    b"\r\nauthorization: Bearer sk-bench\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)

# What sends `llmcap run`, as it is, to the provider on loopback.
EVERYWHERE = """
import asyncio

there = asyncio.open_connection

async def here(host, port, **more):
    return await there("127.0.0.1", {port}, **more)

asyncio.open_connection = here
"""


# What a start is measured without: the proxy's own imports, which go on for as long as the command
# takes. Its thread waits for ever in their place.
HELD = """
import sys, threading

class Held:
    def find_spec(self, name, path=None, target=None):
        if name == "mitmproxy" and threading.current_thread() is not threading.main_thread():
            threading.Event().wait()

sys.meta_path.insert(0, Held())
"""


# --- the provider --------------------------------------------------------------------------------


async def provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each call, or send as many bytes as the path says."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /"):
                size = int(head[5:].partition(b" ")[0])
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
                for start in range(0, size, len(CHUNK)):
                    writer.write(CHUNK[: size - start])
                    await writer.drain()
                continue
            await reader.readexactly(len(BODY))
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(ANSWER), ANSWER)
            )
    writer.close()


async def serve(certificate: Path) -> None:
    """Until the standard input ends; the port is printed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(
        provide, "127.0.0.1", 0, ssl=context, backlog=AT_ONCE, ssl_handshake_timeout=RUN_SECONDS_MAX
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


# --- the client ----------------------------------------------------------------------------------


@cache
def trusting() -> ssl.SSLContext:
    """Read once: the system's roots take longer than a connection."""
    return ssl.create_default_context()


async def connect(host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """By the proxy that the environment names, or by the name alone."""
    proxy = os.environ.get("HTTPS_PROXY", "").rpartition("/")[2]
    context = trusting()
    if not proxy:
        return await asyncio.open_connection(
            host, 443, ssl=context, ssl_handshake_timeout=RUN_SECONDS_MAX
        )
    address, _, port = proxy.rpartition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await writer.start_tls(context, server_hostname=host, ssl_handshake_timeout=RUN_SECONDS_MAX)
    return reader, writer


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One call, its answer read."""
    writer.write(CALL)
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head:
        raise RuntimeError(f"not served: {head!r}")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
    await reader.readexactly(int(length))


async def called_anew() -> None:
    """A connection for one call."""
    reader, writer = await connect(HOST)
    await call(reader, writer)
    writer.close()


async def download() -> float:
    """Seconds for a gigabyte."""
    reader, writer = await connect(FREE_HOST)
    began = time.perf_counter()
    writer.write(b"GET /%d HTTP/1.1\r\nhost: fal.run\r\n\r\n" % GIGABYTE)
    await reader.readuntil(b"\r\n\r\n")
    left = GIGABYTE
    while left and (data := await reader.read(CHUNK_READ)):
        left -= len(data)
    writer.close()
    if left:
        raise RuntimeError(f"{left} bytes are missing")
    return time.perf_counter() - began


CHUNK_READ = 1 << 20


def cpu_of_run() -> float:
    """What the threads of `llmcap run` had of the processors, in seconds."""
    files = Path(f"/proc/{os.getppid()}/task").glob("*/schedstat")
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in files) / 10**9


async def measured(load: str) -> dict[str, float]:
    """Seconds per call, and of `llmcap run`'s CPU, after one call that nobody counts."""
    await called_anew()
    seconds: list[float] = []
    cpu = cpu_of_run()
    if load == "download":
        seconds.append(await download())
    elif load == "at once":
        began = time.perf_counter()
        await asyncio.gather(*(called_anew() for _ in range(AT_ONCE)))
        seconds = [(time.perf_counter() - began) / AT_ONCE] * AT_ONCE
    elif load == "kept":
        reader, writer = await connect(HOST)
        await call(reader, writer)
        cpu = cpu_of_run()
        for _ in range(KEPT_CALLS):
            began = time.perf_counter()
            await call(reader, writer)
            seconds.append(time.perf_counter() - began)
    else:
        for _ in range(NEW_CALLS):
            began = time.perf_counter()
            await called_anew()
            seconds.append(time.perf_counter() - began)
    spent = (cpu_of_run() - cpu) / len(seconds)
    return {"seconds": statistics.median(seconds), "cpu": spent}


# --- the bench -----------------------------------------------------------------------------------


def run_once(folder: Path, load: str, how: Sequence[str]) -> dict[str, float]:
    """One run of the client."""
    client = [sys.executable, "-I", str(Path(__file__)), "--client", load]
    figures: dict[str, float] = json.loads(run_of(folder, *how, "--", *client).stdout)
    return figures


def run_of(
    folder: Path, *words: str, redirect: str = "redirect"
) -> "subprocess.CompletedProcess[str]":
    """A run of `llmcap run`, with what that folder has for Python's start."""
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"),
        "PYTHONPATH": os.pathsep.join([str(folder / redirect), str(ROOT / "addons")]),
        "SSL_CERT_FILE": str(folder / "ca.pem"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "llmcap", "run", "-q", "--config", str(folder / "llmcap.yaml"),
    ]  # fmt: skip
    return subprocess.run(
        [*command, *words],
        env=environ, stdout=subprocess.PIPE, text=True, check=True, timeout=RUN_SECONDS_MAX,
    )  # fmt: skip


def taken(started: Callable[[], object]) -> tuple[float, float]:
    """How long something took that is waited for, and the CPU of all its processes, in ms."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    started()
    whole, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return whole * 1000, cpu * 1000


def start_row(rounds: int, folder: Path) -> str:
    """What confinement adds to a start, beside what an empty interpreter takes."""
    starts: dict[str, Callable[[], object]] = {
        "confined": lambda: run_of(folder, "--confine", "--", "true", redirect="held"),
        "not": lambda: run_of(folder, "--", "true", redirect="held"),
        "python": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "python -I -S": lambda: subprocess.run(
            [sys.executable, "-I", "-S", "-c", "pass"], check=True
        ),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in starts}
    for number in range(rounds * STARTS):
        for name in list(starts) if number % 2 else list(starts)[::-1]:
            found[name].append(taken(starts[name]))
    cells = []
    for column in (0, 1):
        values = {name: [pair[column] for pair in pairs] for name, pairs in found.items()}
        added = [a - b for a, b in zip(values["confined"], values["not"], strict=True)]
        medians = sorted(
            statistics.median(added[at : at + STARTS]) for at in range(0, len(added), STARTS)
        )
        others = ", ".join(f"{name} {statistics.median(each):.1f}" for name, each in values.items())
        cells.append(f"{interval(medians, 1)} ms more; {others}")
    return f"| start | {' | '.join(cells)} |"


def interval(figures: Sequence[float], digits: int) -> str:
    """The median, and what holds the middle nine tenths; they come in their order."""
    low, high = figures[len(figures) // 20], figures[-1 - len(figures) // 20]
    middle = statistics.median(figures)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def row(load: str, rounds: int, folder: Path) -> str:
    """A line of the table."""
    ratios: dict[str, list[float]] = {}
    values: dict[tuple[str, bool], list[float]] = {}
    for number in range(rounds):
        order = [[], ["--confine"]] if number % 2 else [["--confine"], []]
        found = {bool(how): run_once(folder, load, how) for how in order}
        for name in ("seconds", "cpu"):
            for confined, figures in found.items():
                values.setdefault((name, confined), []).append(figures[name])
            if found[False][name]:
                ratios.setdefault(name, []).append(found[True][name] / found[False][name])
    cells = []
    for name, each in ratios.items():
        each.sort()
        least = min(values[name, True]) / min(values[name, False])
        plain = statistics.median(values[name, False]) * 1000
        cells.append(f"{interval(each, 2)}, least {least:.3f}, of {plain:.2f} ms")
    return f"| {load} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", help="one load: start, kept, new, at once, download")
    options = parser.parse_args()
    if options.client:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, OPEN_FILES), hard), hard))
        print(json.dumps(asyncio.run(measured(options.client))))
        return
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    from fake_provider.tls import write_certificates  # noqa: PLC0415 - the client is isolated

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, certificate = write_certificates(folder)
        (folder / "llmcap.yaml").write_text(
            f"budgets: [{{name: all, cap: $1000}}]\npass_hosts: [{FREE_HOST}]\n", encoding="utf-8"
        )
        provider = subprocess.Popen(
            [sys.executable, str(Path(__file__)), "--serve", str(certificate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with provider:
            assert provider.stdout is not None
            port = int(provider.stdout.readline())
            for at, text in (("redirect", EVERYWHERE.format(port=port)), ("held", HELD)):
                (folder / at).mkdir()
                (folder / at / "sitecustomize.py").write_text(text, encoding="utf-8")
            run_of(folder, "--", "true")  # makes the certificates
            print(f"| {options.rounds} rounds, confined to not | latency, or the whole run | CPU |")
            print("| --- | --- | --- |")
            for load in [options.only] if options.only else LOADS:
                made = (
                    start_row(options.rounds, folder)
                    if load == "start"
                    else row(load, options.rounds, folder)
                )
                print(made, flush=True)
            provider.terminate()


LOADS = ("start", "kept", "new", "at once", "download")
ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    main()
