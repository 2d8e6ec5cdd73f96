"""The small master: what it leaves out, and what it must not."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from mitmproxy import ctx

from llmcap.authority import ca
from llmcap.launch.master import serve
from llmcap.launch.setup import Setup


class Witness:
    """An addon that notes the master it runs under."""

    def __init__(self) -> None:
        self.addons: list[str] = []
        self.options: dict[str, Any] = {}

    def running(self) -> None:
        """All addons are there by now."""
        self.addons = [type(addon).__name__ for addon in ctx.master.addons.chain]
        names = ("connection_strategy", "upstream_cert", "stream_large_bodies", "mode")
        self.options = {name: getattr(ctx.options, name) for name in names}


def test_of_mitmproxys_addons_only_the_needed_run(tmp_path: Path) -> None:
    """Each other one would be asked at every hook; the last one opens the door."""
    ca.ensure(tmp_path, ["api.openai.com"])
    witness = Witness()

    async def serve_for_a_moment(listener: socket.socket) -> None:
        stop = asyncio.Event()
        await serve(Setup(tmp_path), listener, [witness], stop=stop, ready=stop.set)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        asyncio.run(serve_for_a_moment(listener))
    assert witness.addons == [
        "Core", "Proxyserver", "NextLayer", "TlsConfig", "Witness", "Door",
    ]  # fmt: skip
    assert witness.options == {
        "connection_strategy": "lazy",  # a refusal opens no connection
        "upstream_cert": False,  # names of a provider's certificate that ours cannot sign for
        "stream_large_bodies": None,
        "mode": [f"regular@127.0.0.1:{port}"],
    }
