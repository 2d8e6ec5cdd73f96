"""The options, and what is said of dangerous ones."""

import asyncio

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options
from mitmproxy.test import taddons
from mitmproxy.tools.console.master import ConsoleMaster
from mitmproxy.tools.dump import DumpMaster
from mitmproxy.tools.web.master import WebMaster
from walk import walk

from llmcap.addon import LLMCap
from llmcap.shell.options import REFUSED, WRITING, declare, listens_to_all, warnings


class Declares:
    """An addon with our options."""

    def load(self, loader):
        """As LLMCap does it."""
        declare(loader)


def test_every_option_names_its_environment_variable():
    """A user who reads one learns the other."""
    with taddons.context(Declares()) as context:
        ours = [name for name in context.options.keys() if name.startswith("llmcap_")]  # noqa: SIM118 - no iterable
        assert len(ours) >= 3
        for name in ours:
            assert name.upper() in context.options._options[name].help


@pytest.mark.parametrize(
    ("modes", "host", "exposed"),
    [
        (["regular"], "", True),
        (["regular"], "127.0.0.1", False),
        (["regular@127.0.0.1:8080"], "", False),
        (["regular@8081"], "", True),
        (["regular@127.0.0.1:1", "socks5"], "", True),
        (["socks5"], "0.0.0.0", True),
        (["reverse:https://api.openai.com"], "", True),
        (["transparent"], "", False),
        (["wireguard"], "", False),
        (["local"], "", False),
        (["wireguard", "regular"], "", True),
    ],
    ids=str,
)
def test_a_proxy_for_everybody_is_noticed(modes, host, exposed):
    """Anyone who reaches it can spend the budget."""
    with taddons.context() as context:
        for name, value in (("mode", modes), ("listen_host", host)):
            if name not in context.options:
                context.options.add_option(name, type(value) if value else str, value, "")
        context.options.update(mode=modes, listen_host=host)
        assert listens_to_all() is exposed


# --- mitmproxy's own ----------------------------------------------------------------------------

# What each of mitmproxy's options can do to a call, and why that is nothing to us.
HARMLESS = {
    "it changes or answers requests, which are decided about after it, and answers, which are read"
    " before it": (
        "anticache anticomp block_global block_list block_private map_local map_remote modify_body"
        " modify_headers normalize_outbound_headers onboarding onboarding_host proxyauth"
        " request_client_cert scripts server_replay server_replay_extra"
        " server_replay_ignore_content server_replay_ignore_host server_replay_ignore_params"
        " server_replay_ignore_payload_params server_replay_ignore_port server_replay_kill_extra"
        " server_replay_nopop server_replay_refresh server_replay_reuse server_replay_use_headers"
        " stickyauth stickycookie upstream_auth intercept intercept_active keep_host_header"
        " keep_alt_svc_header http_connect_send_host_header"
    ),
    "what it sends again is a request like any other": "client_replay client_replay_concurrency",
    "what it reads from a file has its answer, and goes nowhere": "rfile readfile_filter",
    "a protocol that it turns off is not spoken, and a 101 without one is refused": (
        "http2 http2_ping_keepalive http3 websocket rawtcp"
    ),
    "an exchange that it breaks off is settled as one that broke": "body_size_limit tcp_timeout",
    "it is about connections, not about what is said on them": (
        "add_upstream_certs_to_client_chain cert_passphrase certs ciphers_client ciphers_server"
        " client_certs confdir connect_addr connection_strategy dns_name_servers"
        " dns_use_hosts_file key_size listen_host listen_port server ssl_insecure"
        " ssl_verify_upstream_trusted_ca ssl_verify_upstream_trusted_confdir tls_ecdh_curve_client"
        " tls_ecdh_curve_server tls_version_client_max tls_version_client_min"
        " tls_version_server_max tls_version_server_min upstream_cert"
    ),
    "it is about what is shown, or kept in memory": (
        "command_history console_default_contentview console_eventlog_verbosity"
        " console_flowlist_layout console_focus_follow console_layout console_layout_headers"
        " console_mouse console_palette console_palette_transparent console_quickhelp_visible"
        " console_strip_trailing_newlines content_view_lines_cutoff dumper_default_contentview"
        " dumper_filter export_preserve_original_ip keepserving protobuf_definitions"
        " save_stream_filter show_ignored_hosts showhost store_streamed_bodies"
        " termlog_verbosity view_filter view_order view_order_reversed web_columns web_debug"
        " web_host web_open_browser web_password web_port"
    ),
}


def test_every_option_of_mitmproxys_programs_was_looked_at():
    """One that a new version brings is to be refused, told of, or known to be harmless."""
    found = set()
    for master in (DumpMaster, ConsoleMaster, WebMaster):
        options = Options()
        asyncio.run(made(master, options))
        found |= set(options.keys())
    known = {*REFUSED, *WRITING, *" ".join(HARMLESS.values()).split()}
    assert found - known == set()
    assert set(REFUSED) | set(WRITING) <= found


async def made(master, options):
    """A program of mitmproxy's, not started."""
    return master(options)


class Declared:
    """An addon with all options that we look at."""

    def load(self, loader):
        """With their defaults."""
        for name, kind, default in (
            ("stream_large_bodies", str | None, None),
            ("validate_inbound_headers", bool, True),
            ("strip_ech", bool, True),
            ("save_stream_file", str | None, None),
            ("hardump", str, ""),
            ("web_static_viewer", str | None, ""),
            ("flow_detail", int, 1),
            ("proxy_debug", bool, False),
        ):
            loader.add_option(name, kind, default, "")


@pytest.fixture
def context():
    """A mitmproxy with LLMCap."""
    with taddons.context(Declared()) as found:
        found.master.addons.add(LLMCap(walk("1").firewall))
        yield found


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("stream_large_bodies", "1m", "stream_large_bodies=1m"),
        ("validate_inbound_headers", False, "validate_inbound_headers=false"),
        ("strip_ech", False, "strip_ech=false"),
        ("ignore_hosts", [r"openai\.com"], "api.openai.com"),
        ("ignore_hosts", [r"^nobody$", ".*"], "would pass unmetered"),
        ("ignore_hosts", [r":443$"], "would pass unmetered"),
        ("ignore_hosts", [r"bedrock-runtime\..*\.amazonaws"], "bedrock"),
        ("allow_hosts", ["example.com"], "would pass unmetered"),
        ("allow_hosts", ["api.openai.com"], "would pass unmetered"),
        ("tcp_hosts", ["API.ANTHROPIC.COM"], "api.anthropic.com"),
        ("udp_hosts", ["anthropic"], "api.anthropic.com"),
        ("mode", ["reverse:tcp://api.openai.com:443"], "reverse:https://api.openai.com"),
        ("mode", ["regular", "reverse:tls://api.openai.com:443"], "tls"),
        ("mode", ["reverse:quic://api.openai.com:443"], "quic"),
        ("mode", ["reverse:dtls://api.openai.com:443"], "dtls"),
        ("mode", ["reverse:udp://API.openai.com:443"], "udp"),
    ],
)
def test_what_takes_calls_past_us_is_refused_when_it_is_set(context, name, value, said):
    """The old value stays, and the reason says what to do."""
    before = getattr(context.options, name)
    with pytest.raises(OptionsError) as refused:
        context.options.update(**{name: value})
    assert said in str(refused.value)
    assert name in str(refused.value)
    assert getattr(context.options, name) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ignore_hosts", [r"^example\.com"]),
        ("allow_hosts", []),
        ("allow_hosts", [".*"]),
        ("tcp_hosts", [r"10\.0\.0\.1"]),
        ("mode", ["reverse:https://api.openai.com", "reverse:tcp://db.example:5432", "socks5"]),
        ("mode", ["reverse:http3://api.openai.com"]),
    ],
)
def test_what_leaves_the_providers_alone_is_not_refused(context, name, value):
    """Other hosts are the user's own business."""
    context.options.update(**{name: value})
    assert getattr(context.options, name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("save_stream_file", "flows"),
        ("hardump", "all.har"),
        ("web_static_viewer", "folder"),
        ("flow_detail", 2),
        ("proxy_debug", True),
    ],
)
def test_what_writes_prompts_is_told(context, name, value):
    """We write none; mitmproxy does what it is told."""
    context.options.update(listen_host="127.0.0.1")
    assert list(warnings()) == []
    context.options.update(**{name: value})
    (told,) = warnings()
    assert f"{name}={str(value).lower()}" in told
