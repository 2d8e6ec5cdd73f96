"""
Configs and programs that somebody might have, made up by hypothesis.

`configs` are whole files as text, `PROGRAMS` callers of providers with all that can be seen of
them. Prices are two models', so that what a call costs can be told by hand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml
from hypothesis import strategies as st

from llmcap.providers.parts.shape import Request
from llmcap.walk.attributes import Facts, fingerprint

SECRET = b"s" * 32
# Of an output token, in nano-dollars; one that is read costs a quarter of it.
MODELS = {"alpha": 4_000, "beta": 400}
HOSTS = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}
PRICES = {
    f"{provider}/{model}": prices
    for provider in HOSTS
    for model, prices in (
        ("alpha", {"input": "1", "output": "4"}), ("beta", {"input": "0.10", "output": "0.40"}),
    )
}  # fmt: skip

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
MOMENTS = [
    "2026-03-08T06:30", "2026-03-29T00:30", "2026-10-25T00:15", "2026-11-01T05:45",  # clocks change
    "2026-12-31T09:50", "2026-12-31T22:40", "2027-12-31T23:59", "2028-02-28T18:00",
]  # fmt: skip
LENGTHS = {"30m": timedelta(minutes=30), "5h": timedelta(hours=5), "7d": timedelta(days=7)}
# Moments that these clocks show once: windows over the others are in `test_windows.py`.
CRONS = {"0 9 * * mon": (0, 9, None, 1), "0 0 1 * *": (0, 0, 1, None)}
CRON_ZONES = ["Europe/Berlin", "America/New_York", "UTC"]
WINDOWS = [
    "day", "hour", "week", "month", "minute", *LENGTHS, *CRONS, "year", "once", "run",
]  # fmt: skip


# --- configs --------------------------------------------------------------------------------------

VALUES: dict[str, list[str]] = {
    "provider": ["openai", "anthropic"],
    "model": list(MODELS),
    "host": list(HOSTS.values()),
    "project": ["red", "Blue"],
    "user": ["ada", "Ben"],
    "tag": ["night"],
    "customer": ["acme"],
    "client": ["codex", "agent"],
    "organisation": ["org-1"],
    "proxy_user": ["red", "team"],
    "port": ["8080"],
    "cwd": ["/src/red"],
}
UNCLAIMABLE = ["provider", "model", "host", "cwd", "proxy_user", "port"]
HEADERS = ["x-llmcap-project", "x-llmcap-user", "x-llmcap-tag", "x-customer-id"]


def patterns_of(attribute: str) -> st.SearchStrategy[list[str]]:
    """Globs as the guide shows them: whole, up to a star, anything, anything at all."""
    whole = st.sampled_from(VALUES[attribute])
    one = st.one_of(
        whole,
        whole.map(lambda value: value.upper()),
        whole.map(lambda value: value[:2] + "*"),
        st.sampled_from(["*", "?*"]),
    )
    return st.lists(one, min_size=1, max_size=2)


@st.composite
def matches(draw: Any, known: list[str], least: int = 0) -> dict[str, Any]:
    """Some attributes and what they have to be; one pattern may stand without a list."""
    names = draw(st.lists(st.sampled_from(known), unique=True, min_size=least, max_size=2))
    found: dict[str, Any] = {}
    for name in names:
        globs = draw(patterns_of(name))
        found[name] = globs[0] if len(globs) == 1 and draw(st.booleans()) else globs
    return found


CAPS = st.sampled_from([
    "0.0008", "$0.002", "0.005", "$0.01", "600 tokens", "2k tokens", "3 requests", "5 calls",
    "2 concurrent",
])  # fmt: skip
SHARES = st.dictionaries(
    st.sampled_from(["10%", "40%", "70%", "90%"]),
    st.sampled_from(["warn", ["warn", {"throttle": "5s"}], {"throttle": "2s"}, "refuse"]),
    max_size=3,
)


@st.composite
def budgets(draw: Any, number: int) -> dict[str, Any]:
    """One budget as somebody writes it; what is left out has its default."""
    every = draw(st.sampled_from(WINDOWS))
    found: dict[str, Any] = {"name": f"budget-{number}", "cap": draw(CAPS), "every": every}
    zones = CRON_ZONES if every in CRONS else ZONES
    if every in CRONS or draw(st.booleans()):
        found["timezone"] = draw(st.sampled_from(zones))
    if at := draw(SHARES):
        found["at"] = at
    if match := draw(matches(list(VALUES))):
        found["match"] = match
    if draw(st.integers(0, 3)) == 0:
        exceptions = draw(st.lists(matches(UNCLAIMABLE, least=1), min_size=1, max_size=2))
        found["allow"] = exceptions[0] if len(exceptions) == 1 else exceptions
    if per := draw(st.lists(st.sampled_from([*VALUES, "key"]), unique=True, max_size=2)):
        found["per"] = per[0] if len(per) == 1 and draw(st.booleans()) else per
    return found


@st.composite
def configs(draw: Any) -> str:
    """A whole config, as text."""
    count = draw(st.integers(1, 4))
    document: dict[str, Any] = {
        "prices": PRICES,
        "clamp": draw(st.sampled_from([True, True, False])),
        "min_output": draw(st.sampled_from([1, 20, 80])),
        "wait": 0,
        "budgets": [draw(budgets(number)) for number in range(count)],
    }
    if zone := draw(st.sampled_from([*ZONES, ""])):
        document["timezone"] = zone
    if trusted := draw(st.lists(st.sampled_from(HEADERS), unique=True)):
        document["trust_headers"] = trusted
    flow = draw(st.booleans())
    return yaml.safe_dump(document, default_flow_style=flow, sort_keys=draw(st.booleans()))


# --- programs -------------------------------------------------------------------------------------


def maybe(*values: str) -> st.SearchStrategy[str]:
    """One of them, or nothing."""
    return st.sampled_from(["", *values])


@dataclass(frozen=True)
class Program:
    """Who makes a call, and what of that can be seen. Every field may be empty."""

    proxy_user: str
    checkout: str
    cwd: str
    port: str
    agent: str
    key: str
    headers: Mapping[str, str]
    metadata: Mapping[str, str]

    @property
    def facts(self) -> Facts:
        """What the shell tells of its connection."""
        return Facts(
            proxy_user=self.proxy_user, port=self.port, cwd=self.cwd, project=self.checkout
        )

    def attributes(self, trusted: list[str]) -> dict[str, str]:
        """What the guide says that is known of it, the surest source first."""

        def header(name: str) -> str:
            return self.headers.get(name, "") if name in trusted else ""

        return {
            "project": self.proxy_user
            or header("x-llmcap-project")
            or self.checkout
            or self.headers.get("openai-project", "")
            or self.metadata.get("project", ""),
            "user": header("x-llmcap-user") or self.metadata.get("user_id", ""),
            "tag": header("x-llmcap-tag") or self.metadata.get("tag", ""),
            "customer": header("x-customer-id") or self.metadata.get("customer", ""),
            "client": self.agent,
            "organisation": self.headers.get("openai-organization", ""),
            "proxy_user": self.proxy_user,
            "port": self.port,
            "cwd": self.cwd,
            "key": fingerprint(self.key, secret=SECRET),
        }


def some(**values: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Some of these keys, each with one of its values."""
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(found) for name, found in values.items()}
    )


PROGRAMS = st.builds(
    Program,
    proxy_user=maybe("red", "team"),
    checkout=maybe("red", "Blue"),
    cwd=maybe("/src/red"),
    port=maybe("8080", "8081"),
    agent=maybe("codex", "agent"),
    key=maybe("sk-1", "sk-2"),
    headers=some(
        **{
            "x-llmcap-project": ["Blue", "other"],
            "x-llmcap-user": ["ada"],
            "x-llmcap-tag": ["night"],
            "x-customer-id": ["acme", "zeta"],
            "openai-project": ["red"],
            "openai-organization": ["org-1"],
        }
    ),
    metadata=some(project=["red", "mine"], user_id=["Ben"], tag=["night"], customer=["acme"]),
)


def request_of(program: Program, provider: str, model: str, limit: int) -> Request:
    """The program's call."""
    headers = dict(program.headers)
    if program.agent:
        headers["user-agent"] = f"{program.agent}/1.2 (test)"
    if program.key:
        headers["x-api-key" if provider == "anthropic" else "authorization"] = program.key
    document: dict[str, Any] = {
        "model": model, "max_tokens": limit, "messages": [{"role": "user", "content": "hi"}],
    }  # fmt: skip
    if program.metadata:
        document["metadata"] = dict(program.metadata)
    path = "/v1/messages" if provider == "anthropic" else "/v1/chat/completions"
    body = json.dumps(document).encode()
    return Request(method="POST", host=HOSTS[provider], path=path, headers=headers, body=body)
