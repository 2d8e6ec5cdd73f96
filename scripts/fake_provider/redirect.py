"""
A second addon for mitmdump: sends the providers' hosts to the fake provider, and counts requests.

Loaded with `-s` after LLMCap's. Set by the environment, so that mitmdump's options stay those of a
user: FAKE_PROVIDER_PORT and FAKE_PROVIDER_HOSTS; FAKE_PROVIDER_REQUESTS, a file that gets one JSON
line per request, refused or not; and FAKE_PROVIDER_READY, one that gets the port when it listens.
"""

import asyncio
import json
import os
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

HOSTS = os.environ["FAKE_PROVIDER_HOSTS"].split()
PORT = int(os.environ["FAKE_PROVIDER_PORT"])
REQUESTS = Path(os.environ["FAKE_PROVIDER_REQUESTS"])
READY = Path(os.environ["FAKE_PROVIDER_READY"])

# mitmproxy exits in `running` after an error at start; what comes later did start.
READY_AFTER_SECONDS = 0.02


async def running() -> None:
    """Say where the proxy listens, once it is sure to stay."""
    await asyncio.sleep(READY_AFTER_SECONDS)
    tell_port()


def tell_port() -> None:
    """Write it down, whole or not at all."""
    proxyserver = ctx.master.addons.get("proxyserver")
    addresses = proxyserver.listen_addrs() or [("", 0)]  # a client that is led here needs none
    unfinished = READY.with_suffix(".new")
    unfinished.write_text(str(addresses[0][1]), encoding="utf-8")
    unfinished.rename(READY)


def server_connect(data: ServerConnectionHookData) -> None:
    """Go to the fake provider instead."""
    if data.server.address and data.server.address[0] in HOSTS:
        data.server.address = ("127.0.0.1", PORT)


def response(flow: HTTPFlow) -> None:
    """Note that it came; a refused one came all the same, and went nowhere."""
    assert flow.response is not None
    note(flow, refused="x-llmcap-reason" in flow.response.headers)


def error(flow: HTTPFlow) -> None:
    """Likewise one that broke off."""
    note(flow, refused=False)


def note(flow: HTTPFlow, *, refused: bool) -> None:
    """A line for one request."""
    seen = {
        "host": flow.request.pretty_host,
        "path": flow.request.path,
        "http": flow.request.http_version,
        "refused": refused,
    }
    with REQUESTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(seen) + "\n")
