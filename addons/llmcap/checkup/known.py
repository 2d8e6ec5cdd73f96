"""What is known of tools and of settings that no budget can help with."""

from collections.abc import Mapping

_MAKERS = (
    "asks its maker's own servers, and they the models: a proxy sees no tokens and no price",
    "set a limit in its maker's account",
)
_OWN_WAY = (
    "connects by a library that it brings, past every proxy",
    "start it with `llmcap run --confine` (Linux)",
)

# Tools of whose calls no proxy sees anything, whatever one sets: by their command, their name, why,
# and what helps instead.
UNCAPPABLE: Mapping[str, tuple[str, str, str]] = {
    "cursor": ("Cursor", *_MAKERS), "cursor-agent": ("Cursor", *_MAKERS),
    "windsurf": ("Windsurf", *_MAKERS), "warp-terminal": ("Warp", *_MAKERS),
    "warp-cli": ("Warp", *_MAKERS), "devin": ("Devin", *_MAKERS),
    "copilot": ("GitHub Copilot", *_MAKERS), "amp": ("Amp", *_MAKERS),
    "auggie": ("Augment", *_MAKERS), "droid": ("Factory", *_MAKERS),
    "nanocoder": ("Nanocoder", *_OWN_WAY),
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
