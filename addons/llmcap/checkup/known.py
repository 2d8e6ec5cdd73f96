"""What is known of tools and of settings that no budget can help with."""

from collections.abc import Mapping

# Tools whose calls go to their maker's own servers: no provider's traffic ever crosses a proxy.
UNCAPPABLE: Mapping[str, str] = {
    "cursor": "Cursor", "cursor-agent": "Cursor", "windsurf": "Windsurf", "warp-terminal": "Warp",
    "warp-cli": "Warp", "devin": "Devin", "copilot": "GitHub Copilot", "amp": "Amp",
}  # fmt: skip

# Options of mitmproxy under which `mitmdump -s` lets calls through unmetered, or worse.
DANGEROUS: Mapping[str, str] = {
    "stream_large_bodies": "sends large requests on before they can be refused",
    "ignore_hosts": "passes hosts undecrypted, and so unmetered",
    "allow_hosts": "passes all other hosts undecrypted, and so unmetered",
    "tcp_hosts": "takes hosts for plain TCP, and so unmetered",
    "ssl_insecure": "believes any server that claims to be the provider",
    "block_global": "set to false, lets anyone on the network spend your budgets",
}
