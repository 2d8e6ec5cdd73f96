"""The page's process: it serves a ledger while its starter is there, and the proxy asks it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from mitmproxy.test import tflow, tutils

from llmcap.launch import up
from llmcap.launch.pageprocess import page_beside
from llmcap.launch.statuspage import HOST, PATH, ReadOnlyPage, StatusPage
from llmcap.ledger.sqlite import SqliteLedger
from llmcap.words.errors import ConfigError


@pytest.fixture
def path(tmp_path):
    """A ledger in which nothing was spent."""
    path = tmp_path / "ledger.sqlite3"
    SqliteLedger(path).close()
    return path


def through_proxy(page, target: str, method: str = "GET", **headers: str):
    """The answer that a client of the proxy gets."""
    flow = tflow.tflow(req=tutils.treq(host=HOST, path=target.encode(), method=method.encode()))
    for name, value in headers.items():
        flow.request.headers[name.replace("_", "-")] = value
    asyncio.run(ReadOnlyPage(lambda: page).request(flow))
    asyncio.run(StatusPage(dict).request(flow))
    return flow.response


def test_the_proxy_shows_the_page_and_lets_nobody_change_anything(path):
    """A program behind a cap cannot raise it there, whatever it sends."""
    with page_beside(str(path), port=0) as page:
        assert b"<title>LLMCap</title>" in through_proxy(page, "/").content
        found = json.loads(through_proxy(page, "/api/session").content)
        assert (found["role"], found["csrf"]) == ("viewer", "")
        assert through_proxy(page, "/api/now").status_code == 200
        assert "default-src" in through_proxy(page, "/").headers["content-security-policy"]
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert through_proxy(page, "/api/budget", method).status_code == 405
        assert through_proxy(page, "/api/now", sec_fetch_site="cross-site").status_code == 403
        assert through_proxy(page, "/api/stream").status_code == 404
        assert through_proxy(page, "/api/now\r\nX: y").status_code == 400
        assert through_proxy(page, PATH).content == b"{}"
        assert "set-cookie" not in through_proxy(page, "/?token=x").headers
    assert through_proxy(page, "/").status_code == 503
    assert through_proxy(None, "/") is None  # others have a word for it


def test_it_ends_with_its_starter(path):
    """Even with one that is killed."""
    program = (
        "import sys, time\n"
        "from llmcap.launch.pageprocess import page_beside\n"
        f"with page_beside({str(path)!r}, port=0) as page:\n"
        "    print(page.port, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    starter = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
    )
    port = int(starter.stdout.readline())
    assert status(f"http://127.0.0.1:{port}/") == 200
    starter.send_signal(signal.SIGKILL)
    starter.wait(300)
    starter.stdout.close()
    while status(f"http://127.0.0.1:{port}/"):
        pass


def status(url: str) -> int:
    """What is answered; 0: nobody is there."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, timeout=300
        ) as it:
            return it.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_a_busy_port_is_one_sentence(path):
    """And where no port was named, another one serves."""
    with page_beside(str(path), port=0) as page:
        with (
            pytest.raises(ConfigError, match=f"port {page.port} cannot be listened on"),
            page_beside(str(path), port=page.port),
        ):
            pass
        with page_beside(str(path), port=None) as other:
            assert status(f"http://127.0.0.1:{other.port}/") == 200


def test_the_command_serves_the_page_where_no_proxy_stands(path, tmp_path):
    """Its link opens it; without a ledger it says so."""
    environment = {
        **os.environ, "PYTHONPATH": ":".join(sys.path), "XDG_DATA_HOME": str(tmp_path / "data"),
        "HOME": str(tmp_path),
    }  # fmt: skip
    command = [sys.executable, "-m", "llmcap.cli", "dashboard", "--json", "--serve"]
    command += ["--port", "0"]
    process = subprocess.Popen(
        [*command, "--ledger", str(path), "--viewer"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    lines = []
    while not (lines and lines[-1].startswith(b"}")):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    told = json.loads(b"".join(lines))
    cookies = urllib.request.HTTPCookieProcessor()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)
    with opener.open(told["url"], timeout=300) as answer:
        assert b"<title>LLMCap</title>" in answer.read()
    with opener.open(told["url"].partition("/?")[0] + "/api/session", timeout=300) as answer:
        assert json.load(answer)["role"] == "viewer"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 0
    missing = subprocess.run(
        [*command, "--ledger", str(tmp_path / "none")], env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert missing.returncode == 2
    assert "there is no ledger" in missing.stderr


def test_a_proxy_goes_on_without_a_page_that_does_not_start(path, monkeypatch):
    """Unless its port was named: then that is the user's mistake."""

    @contextlib.contextmanager
    def failing(*_, **__):
        raise ConfigError("the page's process did not start; its log says why")
        yield

    monkeypatch.setattr(up, "page_beside", failing)
    with contextlib.ExitStack() as beside:
        assert up.start_page(beside, str(path), None) == []
        with pytest.raises(ConfigError):
            up.start_page(beside, str(path), 8378)
