"""The variables of a command behind the proxy."""

import subprocess
from pathlib import Path

import pytest

from llmcap.authority.variables import Trust
from llmcap.launch import environment
from llmcap.words.errors import ConfigError

TRUST = Trust(extra=Path("/t/ca.pem"), bundle=Path("/t/bundle.pem"), java=Path("/t/roots.p12"))
URL = "http://127.0.0.1:4100"
HOSTS = ("api.openai.com", "api.anthropic.com", "*.openai.azure.com")


def block(environ: dict[str, str]) -> dict[str, str]:
    """The variables for a command started in `environ`."""
    return environment.variables(environ, proxy_url=URL, trust=TRUST, provider_hosts=HOSTS)


def test_every_proxy_variable_names_the_proxy() -> None:
    """Upper and lower case, gRPC, WebSocket, npm: whatever a runtime reads."""
    found = block({})
    assert {found[name] for name in environment.PROXY_VARIABLES} == {URL}
    assert {"HTTPS_PROXY", "https_proxy", "grpc_proxy", "ALL_PROXY"} <= set(found)
    assert found["NODE_USE_ENV_PROXY"] == "1"


def test_variables_that_replace_the_roots_get_all_roots() -> None:
    """A bundle of ours alone would break every host that is not intercepted."""
    found = block({})
    assert found["SSL_CERT_FILE"] == found["REQUESTS_CA_BUNDLE"] == "/t/bundle.pem"
    assert found["NODE_EXTRA_CA_CERTS"] == found["CODEX_CA_CERTIFICATE"] == "/t/ca.pem"


def test_the_rest_of_the_environment_stays() -> None:
    """Only what has to change is changed."""
    found = environment.proxied(
        {"PATH": "/bin", "OPENAI_API_KEY": "k"}, proxy_url=URL, trust=TRUST, provider_hosts=HOSTS
    )
    assert found["PATH"] == "/bin"
    assert found["OPENAI_API_KEY"] == "k"


@pytest.mark.parametrize(
    "entry",
    [
        "*", "api.openai.com", ".openai.com", "openai.com", "*.openai.com", "API.OpenAI.com",
        "api.openai.com:443", "com", "openai.azure.com", "mine.openai.azure.com",
    ],
)  # fmt: skip
def test_no_exemption_lets_a_provider_escape(entry: str) -> None:
    """A `NO_PROXY` entry that some client would apply to a provider is left out."""
    assert entry not in block({"NO_PROXY": f"intranet.example, {entry}"})["NO_PROXY"].split(",")


@pytest.mark.parametrize("entry", ["intranet.example", ".corp", "myopenai.com.example", "10.1.2.3"])
def test_other_exemptions_stay(entry: str) -> None:
    """What the user exempts and is no provider's is reached as before."""
    assert entry in block({"no_proxy": entry})["NO_PROXY"].split(",")


def test_this_machine_is_reached_directly() -> None:
    """A local model does not pass through the proxy."""
    found = block({})
    assert {"localhost", "127.0.0.1", "::1"} <= set(found["no_proxy"].split(","))
    assert found["no_proxy"] == found["NO_PROXY"]


def test_java_options_come_after_what_is_set() -> None:
    """Of two equal properties Java takes the last one."""
    options = block({"JAVA_TOOL_OPTIONS": "-Xmx1g -Dhttps.proxyHost=old"})["JAVA_TOOL_OPTIONS"]
    assert options.startswith("-Xmx1g -Dhttps.proxyHost=old -D")
    assert block({"JAVA_TOOL_OPTIONS": options})["JAVA_TOOL_OPTIONS"] == options
    assert "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4100" in options
    assert "-Djavax.net.ssl.trustStore=/t/roots.p12" in options


def test_java_options_survive_a_space_in_the_path() -> None:
    """The JVM splits that variable at spaces that stand outside of quotes."""
    options = environment.java_options("", proxy_url=URL, store=Path("/a b/roots.p12"))
    assert '"-Djavax.net.ssl.trustStore=/a b/roots.p12"' in options


def test_node_options_come_after_what_is_set_and_once() -> None:
    """A run within a run has the same; what a user has set stays."""
    first = environment.node_options("--max-old-space-size=4096")
    assert first == f"--max-old-space-size=4096 --require {environment.AGENTS}"
    assert environment.node_options(first) == first
    assert environment.node_options("").startswith("--require ")
    assert environment.AGENTS.is_file()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/a/node.cjs", "/a/node.cjs"),
        ("/a\\b/node.cjs", "/a\\b/node.cjs"),
        ("/a b\\c/node.cjs", '"/a b\\\\c/node.cjs"'),
        ('/a"b/node.cjs', '"/a\\"b/node.cjs"'),
    ],
)
def test_node_options_have_quotes_where_they_must(
    monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    """Node 8 takes a quote for a part of the name, and would start no program."""
    monkeypatch.setattr(environment, "AGENTS", Path(path))
    first = environment.node_options("")
    assert first == f"--require {told}"
    assert environment.node_options(first) == first


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"ALL_PROXY": "http://a:1", "http_proxy": "http://b:2"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://me:secret@proxy:3128"}, "http://me:secret@proxy:3128"),
    ],
)  # fmt: skip
def test_a_proxy_already_set_becomes_our_upstream(environ: dict[str, str], url: str | None) -> None:
    """A company's proxy is chained, never overwritten in silence."""
    assert environment.upstream_proxy(environ) == url


def test_a_proxy_that_cannot_be_chained_is_an_error_without_its_password() -> None:
    """SOCKS cannot be chained: better no run than one that goes round the company's proxy."""
    with pytest.raises(ConfigError, match=r"HTTPS_PROXY=socks5://\.\.\.@proxy:1080") as caught:
        environment.upstream_proxy({"HTTPS_PROXY": "socks5://me:secret@proxy:1080"})
    assert "secret" not in str(caught.value)


NASTY = {"A": "it's", "B": 'two words "quoted" $HOME `id` \\', "C": ""}


def test_a_shell_reads_back_what_was_meant() -> None:
    """No value, however odd, is expanded or run by the shell that evaluates the lines."""
    lines = environment.shell_lines(NASTY, shell="sh")
    script = "\n".join([*lines, r'printf "%s\0%s\0%s" "$A" "$B" "$C"'])
    shown = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True)
    assert shown.stdout.split("\0") == list(NASTY.values())


def test_fish_and_powershell_have_their_own_quoting() -> None:
    """Fish escapes a quote with a backslash, PowerShell doubles it."""
    assert environment.shell_lines({"A": "it's\\"}, shell="fish") == ["set -gx A 'it\\'s\\\\'"]
    assert environment.shell_lines({"A": "it's"}, shell="powershell") == ["$env:A = 'it''s'"]


BEFORE = {"HTTPS_PROXY": "http://me:it's@proxy:3128", "NO_PROXY": ""}


def test_what_a_shell_takes_of_us_it_can_put_back() -> None:
    """Also where it took it twice, for another project: what was set and what was not."""
    first = environment.remembering({"HTTPS_PROXY": "a", "NO_PROXY": "b", "MARK": "c"}, BEFORE)
    within = {**BEFORE, **first}
    within |= environment.remembering({"HTTPS_PROXY": "d", "OTHER": "e"}, within)
    left = {**within, **environment.restored(within)}
    assert {name: value for name, value in left.items() if value is not None} == BEFORE


@pytest.mark.parametrize("told", ["", "x", "[]", '{"A": 1}'])
def test_what_we_did_not_write_is_put_back_by_nobody(told: str) -> None:
    """One sentence, and nothing is unset."""
    with pytest.raises(ConfigError, match="open a new shell"):
        environment.restored({environment.BEFORE_MARK: told})


def test_a_shell_unsets_what_was_not_set() -> None:
    """Each in its own words."""
    values = {"A": None, "B": "it's"}
    script = "\n".join([*environment.shell_lines(values, shell="sh"), 'echo "${A-none} $B"'])
    shown = subprocess.run(["sh", "-c", script], env={"A": "x"}, capture_output=True, check=True)
    assert shown.stdout == b"none it's\n"
    assert environment.shell_lines({"A": None}, shell="fish") == ["set -e A"]
    assert environment.shell_lines({"A": None}, shell="powershell") == [
        "Remove-Item -ErrorAction Ignore Env:A"
    ]
