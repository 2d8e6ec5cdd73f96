"""Calls whose names were chosen to reach a terminal, to forge a line of a log, or to cost time."""

import json
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adversary.calls import KEYS, Plan

# At the start of a line of a log it stands only where a name has broken the line before it.
FORGED = "FORGED"

FRAGMENTS = (
    "\x1b[2J\x1b[31m",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    f"\n{FORGED} settled 0.00",
    f"\r\n{FORGED} settled 0.00",
    f"\r{FORGED}",
    f"\u2028{FORGED}",
    f"\x85{FORGED}",
    "\x9b31m",
    "\x08\x08\x08\x7f\x00",
    "\u202egnp.exe",
    "[red]{level}%s%n{0}",
)
HUGE = (300, 5_000, 50_000)
KNOWN = {"chat": "gpt-4o-mini", "gemini": "gemini-2.5-flash"}


@dataclass(frozen=True, slots=True)
class Hostile(Plan):
    """A call of the chat API or Gemini's with names of the caller's."""

    agent: str = "adversary/1"
    customer: str = "customer"
    metadata: str = ""
    query: str = ""

    def path(self) -> str:
        """A model that is a part of the path is quoted, or only kept from ending the line."""
        if self.api == "chat":
            return f"/v1/chat/completions{self.query}"
        return f"/v1beta/models/{quote(self.model, safe='')}:generateContent{self.query}"

    def body(self) -> bytes:
        """Its JSON, in which any name may stand."""
        if self.api == "gemini":
            config = {"maxOutputTokens": self.max_tokens}
            document: dict[str, Any] = {
                "contents": [{"parts": [{"text": "hi"}]}],
                "generationConfig": config,
            }
        else:
            document = {
                "model": self.model,
                "messages": [{"role": "user", "content": "hi"}],
                "max_completion_tokens": self.max_tokens,
                "metadata": {"customer": self.metadata},
            }
        return json.dumps(document).encode()

    def headers(self) -> dict[str, str]:
        """The names that headers carry."""
        return {
            "content-type": "application/json",
            "user-agent": self.agent,
            "x-customer-id": self.customer,
            **KEYS[self.host],
        }


def hostile(rng: random.Random) -> Hostile:
    """One call; half of them are for a model that is served."""
    api = rng.choice(("chat", "chat", "gemini"))
    model = KNOWN[api] if rng.random() < 0.5 else KNOWN[api] + _name(rng)
    return Hostile(
        api=api,
        model=model,
        max_tokens=20,
        agent=_header(_name(rng)),
        customer=_header(_name(rng)),
        metadata=_name(rng),
        query="?q=" + _query(_name(rng), quoted=rng.random() < 0.5) if rng.random() < 0.5 else "",
    )


def _name(rng: random.Random) -> str:
    """Some fragments, and now and then so many of one letter that it costs something."""
    name = "".join(rng.choices(FRAGMENTS, k=rng.randint(1, 3))) + str(rng.randrange(10**6))
    return name + "x" * rng.choice(HUGE) if rng.random() < 0.1 else name


def _header(name: str) -> str:
    """Without what would end the header's line: that is another header, and no name."""
    return name.replace("\r", "").replace("\n", "").replace("\0", "")


def _query(name: str, *, quoted: bool) -> str:
    """Of a path, which a blank would end as well."""
    return quote(name, safe="") if quoted else _header(name).replace(" ", "+")
