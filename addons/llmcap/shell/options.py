"""LLMCap's options in mitmproxy, and what of mitmproxy's own options is dangerous."""

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.mode_specs import ProxyMode

NAMES = frozenset({"llmcap_cap", "llmcap_config", "llmcap_ledger"})


def declare(loader: Loader) -> None:
    """Declare the `llmcap_*` options; each is also read from its environment variable."""
    loader.add_option(
        "llmcap_cap", str, "",
        "The most to spend, in dollars: `5` or `$5` in all, `5/day`, `20/month`, `1.50/run` "
        "for this run of the proxy. Also LLMCAP_CAP. Without a cap here and without budgets in "
        "the config, LLMCap meters and caps nothing.",
    )  # fmt: skip
    loader.add_option(
        "llmcap_config", str, "",
        "Path of a YAML file with budgets, prices and policy. Also LLMCAP_CONFIG.",
    )  # fmt: skip
    loader.add_option(
        "llmcap_ledger", str, "",
        "Path of the ledger, an SQLite file that several proxies may share. Also "
        "LLMCAP_LEDGER; the default is in the user's data folder.",
    )  # fmt: skip


def refuse_dangerous() -> None:
    """Raise `OptionsError` for an option of mitmproxy's under which no cap can hold."""
    if "stream_large_bodies" in ctx.options and ctx.options.stream_large_bodies:
        raise OptionsError(
            f"LLMCap cannot work with stream_large_bodies={ctx.options.stream_large_bodies}: "
            "mitmproxy would send requests to the provider before they can be refused. Remove "
            "that option."
        )


def listens_to_all() -> bool:
    """Whether a listener takes connections from other machines."""
    modes = [ProxyMode.parse(mode) for mode in ctx.options.mode]
    hosts = [mode.listen_host(ctx.options.listen_host) for mode in modes]
    return any(host in ("", "0.0.0.0", "::") for host in hosts)  # noqa: S104 - it is what we warn of
