"""
What particular programs make of a refusal, where that differs from what the official SDKs do.

The default is a 429 with `x-should-retry: false` and no `retry-after`: one attempt in the SDKs of
OpenAI and Anthropic and in Claude Code. The programs below were watched retrying it, or hiding its
message; each row says what stopped them. Measured on their releases of November 2026.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """One program, recognised by a mark in its user agent."""

    mark: str  # lower-case; in front of the user agent, or after a space
    status: int = 429  # that stops it and shows the message
    graceful: bool = False  # a cut stream is best closed as if the answer ended there


# The first row that fits decides.
CLIENTS = (
    # Replays a turn whose stream ends with an error; takes a closed answer as it is.
    Client("claude-cli/", graceful=True),
    # Shows the message of a 400 only; reconnects five times after an error event.
    Client("codex_", status=400, graceful=True),
    Client("codex-", status=400, graceful=True),
    # Retry every 429, header or not; take a 402 as final.
    Client("opencode/", status=402),
    Client("ai-sdk/", status=402),
    # aider and other users of litellm: nine attempts on a 429, one on a 400.
    Client("litellm/", status=400),
    Client("aider/", status=400),
)

UNKNOWN = Client("")


def client_of(user_agent: str) -> Client:
    """The row of the program that sent this user agent, or the default."""
    agent = f" {user_agent.lower()}"
    for client in CLIENTS:
        if f" {client.mark}" in agent:
            return client
    return UNKNOWN
