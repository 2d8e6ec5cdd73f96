"""
Promise: a program on any of these runtimes, confined and without a proxy variable, is metered to
the nano-dollar and refused at the cap, also by packages that know of no proxy.

What is not on this machine is skipped. `scripts/runtimes` installs what packages bring.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import CLIENTS, PROGRAMS
from .people import CALL, URL, User
from .test_confine import NOTHING
from .test_runtimes import BUILD_SECONDS, FETCH, GO, JAVA, RUNTIMES, found

pytestmark = pytest.mark.slow

NPM = RUNTIMES / "npm" / "node_modules"

# The packages as their own pages show them; nothing tells them of a proxy.
OPENAI = f"""
const OpenAI = require("openai").default
const client = new OpenAI({{apiKey: "sk-fake", maxRetries: 0}})
client.chat.completions.create({json.dumps(CALL)}).then(
  answer => console.log(200, answer.usage.total_tokens > 0),
  error => console.log(error.status, error instanceof OpenAI.RateLimitError, error.message))
"""
ANTHROPIC = """
const Anthropic = require("@anthropic-ai/sdk").default
const client = new Anthropic({apiKey: "sk-ant-fake", maxRetries: 0})
client.messages.create({model: "claude-haiku-4-5", max_tokens: 50,
  messages: [{role: "user", content: "hi"}]}).then(
  answer => console.log(200, answer.usage.output_tokens > 0),
  error => console.log(error.status, error instanceof Anthropic.RateLimitError,
                       JSON.stringify(error.error)))
"""


def is_capped(user: User, *command: str) -> None:
    """One call with money enough, one without."""
    done = user.run("--confine", "--cap", "1", "--", *command)
    assert done.stdout.split()[:1] == ["200"], done.stdout + done.stderr
    billed = user.provider.nanos()
    assert user.spent_nanos() == billed > 0
    done = user.run("--confine", "--cap", NOTHING, "--", *command)
    assert "429" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 124
    assert user.provider.nanos() == billed


def script(name: str) -> str:
    """A runtime of JavaScript: Bun comes from npm."""
    if name != "bun":
        return found(name)
    path = NPM / ".bin" / "bun"
    if not path.exists():
        pytest.skip("no bun on this machine (scripts/runtimes installs it)")
    return str(path)


@pytest.mark.parametrize("name", ["node", "node-20", "node-24", "deno", "bun"])
def test_fetch_is_capped(user: User, name: str) -> None:
    """Node's goes round any proxy before 24."""
    runtime = script(name)
    how = {"deno": ("eval",), "bun": ("-e",)}.get(name, ("--input-type=module", "-e"))
    is_capped(user, runtime, *how, FETCH)


@pytest.mark.parametrize("program", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
@pytest.mark.parametrize("name", ["node-20", "node-24", "bun"])
def test_the_providers_packages_are_capped(user: User, name: str, program: str) -> None:
    """And raise what they raise for a quota."""
    runtime = script(name)
    if not NPM.exists():
        pytest.skip("npm's packages are not installed (scripts/runtimes installs them)")
    user.more["NODE_PATH"] = str(NPM)
    is_capped(user, runtime, "-e", program)
    done = user.run("--confine", "--cap", NOTHING, "--", runtime, "-e", program)
    assert "429 true" in done.stdout
    assert "LLMCap stopped this call" in done.stdout


def test_go_is_capped(user: User, tmp_path: Path) -> None:
    """With its own resolver, and roots from the system's file alone."""
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
    is_capped(user, "env", "-i", str(tmp_path / "call"))


def test_javas_client_is_capped(user: User, tmp_path: Path) -> None:
    """By the store of roots in JAVA_TOOL_OPTIONS, and no proxy."""
    found("javac")
    source = tmp_path / "Call.java"
    source.write_text(JAVA)
    is_capped(user, found("java"), str(source), URL, json.dumps(CALL))


def test_grpc_is_capped(user: User) -> None:
    """xAI's package: HTTP/2 from the first byte, by a name that its own resolver asked for."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    program = str(PROGRAMS / "vendors_program.py")
    config = user.home / "llmcap.yaml"
    config.write_text("budgets: [{name: grok, cap: 100k tokens, every: run}]\n")
    words = ("--confine", "--config", str(config), "--")
    done = user.run(*words, str(CLIENTS), program, "xai_sdk")
    assert user.spent_nanos() == user.provider.nanos() > 0, done.stdout + done.stderr
    config.write_text("budgets: [{name: grok, cap: 1 tokens, every: run}]\n")
    billed = user.provider.nanos()
    done = user.run(*words, str(CLIENTS), program, "xai_sdk")
    assert "RpcError" in done.stdout
    assert done.returncode == 124
    assert user.provider.nanos() == billed


def test_wget_is_capped_by_the_systems_roots_alone(user: User) -> None:
    """GnuTLS reads no variable for them."""
    command = (
        found("wget"), "-q", "-O", os.devnull, "--server-response", URL,
        f"--post-data={json.dumps(CALL)}", "--header=authorization: Bearer sk-fake",
    )  # fmt: skip
    done = user.run("--confine", "--cap", "1", "--", *command)
    assert "200 OK" in done.stderr
    assert user.spent_nanos() == user.provider.nanos() > 0
    assert shutil.which("wget")
