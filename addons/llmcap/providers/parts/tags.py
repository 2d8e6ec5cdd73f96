"""
What a request says of itself in its `metadata`, `labels` or whatever its API calls them.

People tag calls with names of users, customers and features, and some put a prompt there. So what
may be anything is taken only where it is short and printable, and as `metadata.NAME` for the names
that the config asks for.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from llmcap.providers.parts.shape import Document

# What is longer is no name.
VALUE_CHARS_MAX = 64
WHO_CHARS_MAX = 250
NAMES_MAX = 64
METADATA = "metadata."

# Attribute -> the names that people give it. Whose a call is may be as long as a user's name.
_WHOSE: Mapping[str, tuple[str, ...]] = {
    "customer": ("customer_id", "customer"),
    "project": ("project",),
    "tag": ("tag",),
}
_WHAT: Mapping[str, tuple[str, ...]] = {
    "session": ("session_id", "session"),
    "feature": ("feature",),
    "organization": ("organization", "organization_id", "org_id"),
}

# Claude Code's `user_id` says three things in one: as JSON since 2.1, in one word before. See
# findings/claude-code-user-id.sh.
_CLAUDE_CODE = re.compile(
    r"user_(?P<device_id>[0-9a-f]+)_account_(?P<account_uuid>[0-9a-f-]*)"
    r"_session_(?P<session_id>[0-9a-f-]+)"
)


def tagged(metadata: Document) -> dict[str, str]:
    """
    The attributes that a map of tags names, each of them as `metadata.NAME` too.

    `user` is what an API calls `user_id`, which Anthropic's own clients send.
    """
    if not metadata:
        return {}
    short = {
        name: text
        for name, value in list(metadata.items())[:NAMES_MAX]
        if (text := short_text(value)) and len(name) <= VALUE_CHARS_MAX
    }
    return {
        **{f"{METADATA}{name}": text for name, text in short.items()},
        **user_of(metadata.get("user_id") or metadata.get("user")),
        **_first(_WHOSE, {name: long_text(metadata.get(name)) for name in metadata}),
        **_first(_WHAT, short),
    }


def _first(table: Mapping[str, tuple[str, ...]], known: Mapping[str, str]) -> dict[str, str]:
    found = {
        attribute: next((known[name] for name in names if known.get(name)), "")
        for attribute, names in table.items()
    }
    return {attribute: text for attribute, text in found.items() if text}


def user_of(value: object) -> dict[str, str]:
    """The user that a `user_id` names, and the session where it is Claude Code's."""
    name = long_text(value)
    parts = _claude_code(name)
    if not parts.get("session_id"):
        return {"user": name} if name else {}
    user = short_text(parts.get("account_uuid")) or short_text(parts.get("device_id"))
    found = {"user": user, "session": short_text(parts["session_id"])}
    return {name: text for name, text in found.items() if text}


def _claude_code(value: str) -> dict[str, Any]:
    if match := _CLAUDE_CODE.fullmatch(value):
        return match.groupdict()
    if value.startswith("{"):
        try:
            parts = json.loads(value)
        except (ValueError, RecursionError):
            return {}
        return parts if isinstance(parts, dict) else {}
    return {}


def long_text(value: object) -> str:
    """Text as it is, cut where it is long."""
    return value[:WHO_CHARS_MAX] if isinstance(value, str) else ""


def short_text(value: object) -> str:
    """A name of at most 64 printable characters; anything else is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**18 else ""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if len(text) <= VALUE_CHARS_MAX and text.isprintable() else ""
