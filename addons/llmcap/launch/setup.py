"""What a proxy of ours is told when it starts, and what mitmproxy is told of that."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Setup:
    """What a proxy needs to know, besides its socket and its addons."""

    confdir: Path  # with the authority that signs for the providers
    roots: Path | None = None  # PEM file of what it trusts on its way to the providers
    upstream: str | None = None  # URL of the proxy that all its traffic goes to

    def options(self, listener: socket.socket) -> dict[str, Any]:
        """The same as mitmproxy's options."""
        host, port = listener.getsockname()[:2]
        options: dict[str, Any] = {
            # For those who ask; `Door` serves the socket, mitmproxy binds none itself.
            "mode": [f"{self._mode()}@{host}:{port}"],
            "server": False,
            "confdir": str(self.confdir),
            # A refusal opens no connection to the provider.
            "connection_strategy": "lazy",
            # A provider's certificate may name hosts that our authority cannot speak for.
            "upstream_cert": False,
            "show_ignored_hosts": False,
        }
        if self.roots is not None:
            options["ssl_verify_upstream_trusted_ca"] = str(self.roots)
        if credentials := self._credentials():
            options["upstream_auth"] = credentials
        return options

    def _mode(self) -> str:
        if self.upstream is None:
            return "regular"
        parts = urlsplit(self.upstream)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"upstream:{parts.scheme}://{host}:{port}"

    def _credentials(self) -> str:
        parts = urlsplit(self.upstream or "")
        if parts.username is None:
            return ""
        return f"{unquote(parts.username)}:{unquote(parts.password or '')}"
