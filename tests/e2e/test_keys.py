"""
Promise: a command that was given a stand-in never has the real key, and its provider, nobody else,
sees that and nothing else.
"""

import base64
import json
import os
import shlex
import sys

import pytest

from .conftest import CLIENTS
from .people import CALL, URL, User

REAL = "sk-proj-R3aLr3AlR3aLr3AlR3aLr3AlR3aLr3Al"
REAL_ANTHROPIC = "sk-ant-api03-R3aLr3AlR3aLr3AlR3aLr3AlR3aLr3AlAA"
CALLED = json.dumps(CALL)


@pytest.fixture
def owner(user: User) -> User:
    """Somebody whose config says where the real keys are."""
    (user.home / "secret").write_text(REAL_ANTHROPIC + "\n")
    (user.home / "llmcap.yaml").write_text(
        f"keys: {{openai: env:MY_OPENAI, anthropic: 'file:{user.home / 'secret'}'}}\n"
        "budgets: [{name: all, cap: $1}]\npass_hosts: [fal.run]\n"
    )
    user.more |= {"MY_OPENAI": REAL, "LLMCAP_CONFIG": str(user.home / "llmcap.yaml")}
    return user


def seen(user: User) -> str:
    """What the provider was told, all of it."""
    return "\n".join(user.provider.bill()["heads"])


def everything_written(user: User) -> bytes:
    """All files of the user but the two that have the keys."""
    return b"".join(
        path.read_bytes()
        for path in user.home.rglob("*")
        if path.is_file() and path.name not in {"secret", "llmcap.yaml"}
    )


def curl(*words: str) -> str:
    """A call, as a line of a shell."""
    return shlex.join(["curl", "-sS", "-w", " %{http_code}\n", *words])


def bearer(url: str, *words: str) -> str:
    """A call with the key that the command has."""
    return f'{curl(url, *words)} -H "authorization: Bearer $OPENAI_API_KEY"'


# The words come reversed, so that the search does not find its own arguments.
SEARCH = """
import glob, os, sys
wanted = [word[::-1].encode() for word in sys.argv[1:]]
read, denied, found = 0, [], []
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        content = open(path, "rb").read()
    except OSError:
        denied.append(int(path.split("/")[2]))
        continue
    read += 1
    found += [path for word in wanted if word in content]

def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            begin, end = (int(word, 16) for word in line.split()[0].split("-"))
            try:
                mem.seek(begin)
                yield mem.read(end - begin)
            except (OSError, ValueError):  # of the kernel's own
                pass

shell = os.getppid()  # whose child this is, and which has the same variables
pieces = list(memory(shell))
stands = os.environ["OPENAI_API_KEY"].encode()
found += [shell for piece in pieces for word in wanted if word in piece]
print(any(stands in piece for piece in pieces))
parent = int(open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[1])
print(read > 0, found, parent in denied)
try:
    open(f"/proc/{parent}/mem", "rb")
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("how", [[], ["--confine"]], ids=["plain", "confined"])
def test_the_provider_sees_the_real_key_and_the_command_never_does(
    owner: User, how: list[str]
) -> None:
    """Two vendors, headers of both kinds; metered, with nothing of a key in any file of ours."""
    claude = json.dumps({**CALL, "model": "claude-haiku-4-5"})
    anthropic = f"{curl('https://api.anthropic.com/v1/messages', '-o', os.devnull, '-d', claude)}"
    script = (
        f"{bearer(URL, '-o', os.devnull, '-d', CALLED)}; "
        f'{anthropic} -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01"; env'
    )
    log = owner.home / "log"
    done = owner.run(*how, "--log", str(log), "--", "sh", "-c", script)
    assert done.stdout.startswith(" 200\n 200\n"), done.stdout + done.stderr
    environ = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert REAL not in done.stdout
    assert REAL_ANTHROPIC not in done.stdout
    assert environ["MY_OPENAI"] == environ["OPENAI_API_KEY"] != REAL
    told = seen(owner)
    assert f"authorization: Bearer {REAL}\n" in told
    assert f"x-api-key: {REAL_ANTHROPIC}\n" in told
    assert environ["OPENAI_API_KEY"] not in told
    assert environ["ANTHROPIC_API_KEY"] not in told
    assert owner.spent_nanos() == owner.provider.nanos() > 0
    written = everything_written(owner)
    for secret in (REAL, REAL_ANTHROPIC, environ["OPENAI_API_KEY"]):
        assert secret.encode() not in written
        assert secret not in done.stderr


def test_a_confined_command_finds_no_real_key_in_memory_or_files(owner: User) -> None:
    """Not in any process's environment, in its own memory or in ours, nor in the file with one."""
    words = shlex.join([sys.executable, "-c", SEARCH, REAL[::-1], REAL_ANTHROPIC[::-1]])
    script = f"{words}; cat {owner.home / 'secret'}"
    done = owner.run("--confine", "--", "sh", "-c", script)
    assert done.stdout == "True\nTrue [] True\nPermission denied\n", done.stdout + done.stderr


def test_a_stand_in_that_is_sent_elsewhere_is_refused_and_told(owner: User) -> None:
    """To another provider, without TLS, to a host in a provider's clothes, and to make a key."""
    aside = "https://api.anthropic.com/v1/models"
    minted = "https://api.openai.com/v1/realtime/client_secrets"
    script = "; ".join(
        [
            bearer(aside),
            bearer("http://api.openai.com/v1/models"),
            bearer(minted, "-d", "{}"),
        ]
    )
    done = owner.run("--", "sh", "-c", script)
    assert done.stdout.count(" 403\n") == 3, done.stdout + done.stderr
    assert "the stand-in of a key for openai was sent to api.anthropic.com" in done.stdout
    assert "without TLS" in done.stdout
    assert "makes a credential" in done.stdout
    assert "LLMCap refused a request" in done.stderr
    assert seen(owner) == ""


def test_a_host_that_only_says_it_is_the_provider_gets_no_key(owner: User) -> None:
    """The connection is for another provider's host, the header names the right one."""
    script = bearer("https://api.groq.com/openai/v1/models", "-H", "host: api.openai.com")
    done = owner.run("--", "sh", "-c", script)
    assert " 403\n" in done.stdout
    assert REAL not in seen(owner)


def test_an_undecrypted_host_gets_a_stand_in(owner: User) -> None:
    """Which is worth nothing there."""
    script = bearer(
        "https://fal.run/v1/models", "--cacert", str(owner.provider.ca), "-o", os.devnull
    )
    done = owner.run("--confine", "--", "sh", "-c", script)
    assert done.stdout == " 200\n", done.stderr
    assert "authorization: Bearer sk-proj-" in seen(owner)
    assert REAL not in seen(owner)


def test_a_real_key_that_an_error_repeats_is_taken_out(owner: User) -> None:
    """Of its head as of its body."""
    script = bearer("https://api.openai.com/v1/models/wrong-key", "-i")
    done = owner.run("--", "sh", "-c", f"echo $OPENAI_API_KEY; {script}")
    stand_in = done.stdout.splitlines()[0]
    assert " 401\n" in done.stdout
    assert REAL in seen(owner)
    assert REAL not in done.stdout
    assert done.stdout.count(stand_in) == 3  # the echo, the head, the body


PLACES = """
import base64, http.client, os, ssl
key = os.environ["OPENAI_API_KEY"]
password = base64.b64encode(f"me:{key}".encode()).decode()
asked = [
    ("?taken", {"AUTHORIZATION": f"bearer {key}"}), ("?taken", {"API-Key": key}),
    ("?taken", {"authorization": f"BASIC {password}"}), (f"?taken&KEY={key}", {}),
    ("?kept", {"x-client-request-id": key}), (f"/{key}?kept", {}), (f"?kept&name={key}", {}),
]
host, _, port = os.environ["HTTPS_PROXY"].rpartition("/")[2].partition(":")
for path, headers in asked:
    connection = http.client.HTTPSConnection(host, int(port), context=ssl.create_default_context())
    connection.set_tunnel("api.openai.com", 443)
    connection.request("GET", "/v1/models" + path, headers=headers)
    connection.getresponse().read()
    connection.close()
print(key)
"""


def test_a_stand_in_is_swapped_where_keys_are_taken_and_nowhere_else(owner: User) -> None:
    """In any letter case, and as a password; what a vendor may keep and show has a stand-in."""
    done = owner.run("--", sys.executable, "-c", PLACES)
    heads = owner.provider.bill()["heads"]
    assert len(heads) == 7, done.stderr
    password = base64.b64encode(f"me:{REAL}".encode()).decode()
    for head in heads:
        assert ("?taken" in head) == (REAL in head or password in head), head
        assert ("?kept" in head) == (done.stdout.strip() in head), head


STREAMS = """
import os, openai
client = openai.OpenAI(max_retries=0, timeout=300)
made = client.chat.completions.create(
    model="gpt-4o-mini", max_tokens=50, stream=True, stream_options={"include_usage": True},
    messages=[{"role": "user", "content": "hi"}])
print(len("".join(c.choices[0].delta.content or "" for c in made if c.choices)) > 0)
"""


def test_the_vendors_own_package_streams_with_a_stand_in(owner: User) -> None:
    """It takes the stand-in for a key, and its answer streams."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    done = owner.run("--confine", "--", str(CLIENTS), "-c", STREAMS)
    assert done.stdout == "True\n", done.stderr
    assert f"authorization: Bearer {REAL}" in seen(owner)
    assert owner.spent_nanos() == owner.provider.nanos() > 0


def test_a_key_that_is_not_there_stops_the_run(owner: User) -> None:
    """Nothing is started, and nothing of a key is said."""
    del owner.more["MY_OPENAI"]
    done = owner.run("--", "true")
    assert done.returncode == 125
    assert "keys: openai: env:MY_OPENAI has no key" in done.stderr


GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
ASKED = json.dumps(
    {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 50}}
)
GROK = """
import os
from xai_sdk import Client
from xai_sdk.chat import user
client = Client(api_key=os.environ["XAI_API_KEY"])
chat = client.chat.create(model="grok-4-1-fast-non-reasoning", max_tokens=50)
chat.append(user("hi"))
print(len(chat.sample().content) > 0)
"""


def test_a_key_in_a_query_and_one_in_grpcs_metadata_are_swapped(owner: User) -> None:
    """Google's, and xAI's own package."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    config = owner.home / "llmcap.yaml"
    config.write_text("keys: {google: env:MY_GOOGLE, xai: env:MY_XAI}\n")
    owner.more |= {"MY_GOOGLE": "AIzaSyR3aLr3AlR3aLr3AlR3aLr3AlR3aLr3Al", "MY_XAI": f"xai-{REAL}"}
    call = curl(GEMINI, "-o", os.devnull, "-H", "content-type: application/json", "-d", ASKED)
    asks = call.replace(GEMINI, GEMINI + "?key=$GEMINI_API_KEY")
    script = f"{asks}; {shlex.join(['timeout', '30', str(CLIENTS), '-c', GROK])}"
    done = owner.run("--confine", "--", "sh", "-c", script)
    assert done.stdout == " 200\nTrue\n", done.stdout + done.stderr
    told = seen(owner)
    assert f"?key={owner.more['MY_GOOGLE']}\n" in told
    assert f"authorization: Bearer {owner.more['MY_XAI']}\n" in told
    assert owner.spent_nanos() == owner.provider.nanos() > 0
