"""
What particular programs make of a refusal, where that differs from what the official SDKs do.

The default is a 429 with `x-should-retry: false` and no `retry-after`: one attempt in the SDKs of
OpenAI and Anthropic and in Claude Code. Whoever asks again after that has a retry of its own above
its SDK, which nothing in the request tells, and gets a 402: it ended every such program that was
tried but one. The programs below were watched retrying even the first, or hiding its message; each
row says what stopped them. Measured on their releases of November 2026.
"""

from dataclasses import dataclass

# The first refusal, and those of a client that asks again.
USUAL = (429, 402)


@dataclass(frozen=True, slots=True)
class Client:
    """One program, recognised by a mark in its user agent."""

    mark: str  # lower-case; in front of the user agent, or after a space
    # Of its first refusal, of the next, of the same request after that one, ...; the last one
    # holds for all that follow. Each stops the program and shows the message, as far as known.
    statuses: tuple[int, ...] = USUAL
    graceful: bool = False  # a cut stream is best closed as if the answer ended there

    def status(self, step: int) -> int:
        """The status of its refusal at this step, from 1 on."""
        return self.statuses[min(step, len(self.statuses)) - 1]


# The first row that fits decides.
CLIENTS = (
    # Replays a turn whose stream ends with an error; takes a closed answer as it is.
    Client("claude-cli/", (429,), graceful=True),
    # Shows the message of a 400 only; reconnects five times after an error event.
    Client("codex_", (400,), graceful=True),
    Client("codex-", (400,), graceful=True),
    # Ends at the quota of a day, however often it is asked; nothing is known of another status.
    Client("geminicli-", (429,)),
    # Retry every 429, header or not; take a 402 as final.
    Client("opencode/", (402,)),
    # Vercel's `ai`, in version 6, and in 7 where it names itself, its providers or its utilities.
    Client("ai-sdk/", (402,)),
    Client("ai-sdk-", (402,)),
    Client("ai/", (402,)),
    # 28 attempts in 17 minutes, 11 in 98 s, 6 in 35 s, 4 in 7 s, 12 in 90 s; one on a 402.
    Client("qwencode/", (402,)),
    Client("ls/js", (402,)),  # Continue's `cn`
    Client("langchain-google-genai/", (402,)),
    Client("lm15/", (402,)),  # dspy on Anthropic
    Client("mistral-client-python/", (402,)),
    # aider and other users of litellm: nine attempts on a 429, one on a 400.
    Client("litellm/", (400,)),
    Client("aider/", (400,)),
    # mini-swe-agent, on litellm: asks again after everything but a 401.
    Client("mini/", (401,)),
    Client("mini-swe-agent/", (401,)),
    # The same where it calls by itself, under the name of the SDK. Others under that name stop at
    # the second at the latest.
    Client("openai/python", (429, 402, 401)),
    Client("asyncopenai/python", (429, 402, 401)),
)

UNKNOWN = Client("")


def client_of(user_agent: str) -> Client:
    """The row of the program that sent this user agent, or the default."""
    agent = f" {user_agent.lower()}"
    for client in CLIENTS:
        if f" {client.mark}" in agent:
            return client
    return UNKNOWN
