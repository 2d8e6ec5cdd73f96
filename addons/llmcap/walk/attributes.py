"""
Whose call it is: what budgets can `match` and count `per`, found without touching the application.

Nothing secret leaves this file: an API key becomes a short fingerprint under a secret of this
ledger, so that two ledgers cannot be joined by it and no key can be guessed from it.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from llmcap.providers.parts.shape import Request
from llmcap.providers.parts.tags import METADATA, short_text
from llmcap.words.records import Policy

FINGERPRINT_HEX = 12
VALUE_LENGTH_MAX = 128
NO_POLICY = Policy()

# Headers that name an attribute. Only those that the config trusts are believed, and all of them
# are removed before the request is forwarded.
OWN_HEADERS: Mapping[str, str] = {
    "x-llmcap-project": "project",
    "x-llmcap-user": "user",
    "x-llmcap-tag": "tag",
    "x-llmcap-customer": "customer",
    "x-customer-id": "customer",
}

# Where agents say which of their sessions a call belongs to, as Claude Code 2.1, Codex 0.171 and
# opencode 1.18 send it, and older Codexes. Gemini CLI 0.61 sends none with an API key.
SESSION_HEADERS = ("x-claude-code-session-id", "session-id", "session_id", "x-session-id")

# Where the providers' clients put their key, in the order of precedence.
_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key", "authorization")

# AWS's signatures differ for every request; the id of the key that made them does not.
_SIGNS = re.compile(r"\bCredential=([^/,\s]+)")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the shell knows of the client's connection."""

    proxy_user: str = ""
    port: str = ""
    program: str = ""  # what the proxy was started for
    process: str = ""  # the local program that owns the socket
    pid: str = ""  # of that program
    cwd: str = ""
    project: str = ""  # the git checkout that it works in


def attributes_of(
    request: Request,
    facts: Facts,
    *,
    provider: str,
    endpoint: str,
    model: str,
    from_body: Mapping[str, str],
    policy: Policy = NO_POLICY,
    secret: bytes = b"",
) -> dict[str, str]:
    """
    The attributes of a call, without those that are not known.

    A project is the proxy user's name, else what a trusted header says, else the git checkout that
    the program works in; what the request itself names (`user`, `metadata`) only fills what is
    left, since a request can name anything. Of its `metadata` those names are kept as they are that
    the config has. Likewise a program that is known by its process is not
    asked for its user agent.
    """
    found = {
        "provider": provider,
        "endpoint": endpoint,
        "model": model,
        "host": request.host,
        "client": facts.process
        or client_program(request.headers.get("user-agent", ""))
        or facts.program,
        "key": fingerprint(api_key(request), secret=secret),
        "organisation": request.headers.get("openai-organization", ""),
        "project": facts.project or request.headers.get("openai-project", ""),
        "cwd": facts.cwd,
        "proxy_user": facts.proxy_user,
        "port": facts.port,
        "session": session_of(request.headers),
    }
    for name, value in from_body.items():
        if not name.startswith(METADATA) or name.removeprefix(METADATA) in policy.metadata:
            found[name] = found.get(name) or value
    if policy.trusted_headers:
        for header, attribute in OWN_HEADERS.items():
            if header in policy.trusted_headers and header in request.headers:
                found[attribute] = request.headers[header]
    if facts.proxy_user:
        found["project"] = facts.proxy_user
    return {name: value[:VALUE_LENGTH_MAX] for name, value in found.items() if value}


def client_program(user_agent: str) -> str:
    """
    The product that a user agent names first, in lower case, without its version.

    >>> client_program("claude-cli/2.1.329 (external, cli)")
    'claude-cli'
    """
    return user_agent.strip().split("/", 1)[0].split(" ", 1)[0].lower()


def session_of(headers: Mapping[str, str]) -> str:
    """The session that an agent names, or an empty string."""
    named = (short_text(headers.get(name)) for name in SESSION_HEADERS)
    return next(filter(None, named), "")


def api_key(request: Request) -> str:
    """The key that pays for the request, or an empty string."""
    for header in _KEY_HEADERS:
        value = request.headers.get(header, "")
        if value:
            signs = _SIGNS.search(value) if header == "authorization" else None
            return signs[1] if signs else value.removeprefix("Bearer ").strip()
    return request.query.get("key", "")


@lru_cache(maxsize=1_024)
def fingerprint(key: str, *, secret: bytes) -> str:
    """A short name for a key that cannot be turned back; empty for no key."""
    if not key:
        return ""
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:FINGERPRINT_HEX]
