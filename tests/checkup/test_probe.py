"""A command behind the proxy that lets nothing through: real programs, and no network."""

import shutil
import sys
from pathlib import Path

import pytest

from llmcap.checkup.probe import watch
from llmcap.checkup.seen import Seen
from llmcap.launch import behind
from llmcap.launch.child import CommandError
from llmcap.words.records import Policy

pytestmark = [
    # mitmproxy's filters speak to pyparsing by names that are old by now.
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine"),
]

URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a user with an empty home."""
    return {"PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(tmp_path)}


def see(environ: dict[str, str], *command: str, seconds: float = 20) -> Seen:
    """What a command does."""
    place = behind.prepare(environ)
    return watch(command, place, environ, seconds_max=seconds, policy=Policy())


def test_a_command_that_can_be_capped_is_seen_calling(environ: dict[str, str]) -> None:
    """Its call is read, refused with a sentence, and sent nowhere."""
    seen = see(environ, "curl", "-sS", URL, "-d", "{}")
    assert seen.requests == ["POST api.openai.com/v1/chat/completions"]
    assert (seen.connects, seen.distrusted) == (["api.openai.com"], [])
    assert "did not send it: nothing was spent" in seen.screen
    assert seen.ended


def test_what_is_free_is_not_there_either(environ: dict[str, str]) -> None:
    """Agents ask for settings before their first call, and go on without them."""
    seen = see(environ, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
               "https://api.openai.com/v1/models")  # fmt: skip
    assert seen.requests == ["GET api.openai.com/v1/models"]
    assert seen.screen == "404"


def test_a_command_that_does_not_trust_us_is_seen_so(environ: dict[str, str]) -> None:
    """It has roots of its own."""
    roots = str(behind.prepare(environ).roots)
    seen = see(environ, "curl", "-sS", "--cacert", roots, URL)
    assert seen.distrusted == ["api.openai.com"]
    assert seen.requests == []


def test_a_command_that_hangs_up_after_the_handshake_is_seen_so(environ: dict[str, str]) -> None:
    """As programs on GnuTLS do, which judge a certificate when the connection stands."""
    script = (
        "import os, socket, ssl\n"
        "from urllib.parse import urlsplit\n"
        "proxy = urlsplit(os.environ['HTTPS_PROXY'])\n"
        "plain = socket.create_connection((proxy.hostname, proxy.port))\n"
        "plain.sendall(b'CONNECT api.openai.com:443 HTTP/1.1\\r\\n\\r\\n')\n"
        "plain.recv(4096)\n"
        "context = ssl.create_default_context()\n"
        "context.check_hostname, context.verify_mode = False, ssl.CERT_NONE\n"
        "context.wrap_socket(plain, server_hostname='api.openai.com').close()\n"
        "import time; time.sleep(0.5)\n"
    )
    seen = see(environ, sys.executable, "-c", script)
    assert seen.distrusted == ["api.openai.com"]
    assert seen.requests == []


def test_other_hosts_cannot_be_reached(environ: dict[str, str]) -> None:
    """The probe sends nothing to anybody."""
    seen = see(environ, "curl", "-sS", "https://example.com/")
    assert seen.connects == ["example.com"]
    assert "503" in seen.screen


def test_a_command_that_does_nothing_is_ended(environ: dict[str, str]) -> None:
    """With everything that it has started."""
    seen = see(environ, "sh", "-c", "sleep 60 & sleep 60", seconds=0.5)
    assert not seen.ended
    assert seen.requests == []


def test_a_command_that_is_not_there_is_told(environ: dict[str, str]) -> None:
    """As `llmcap run` does."""
    with pytest.raises(CommandError, match="is not found"):
        see(environ, "no-such-command")


def test_pythons_own_client_can_be_capped(environ: dict[str, str]) -> None:
    """By the same variables as `llmcap run` sets."""
    script = f"import urllib.request as u; u.urlopen({URL!r}, b'{{}}')"
    seen = see(environ, sys.executable, "-c", script)
    assert seen.requests == ["POST api.openai.com/v1/chat/completions"]
