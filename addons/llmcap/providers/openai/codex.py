"""
Codex with a ChatGPT plan: chatgpt.com/backend-api/codex, the Responses API behind a login.

The plan is paid by the month, so no call has a price; what it would have cost at the API's list is
counted, as that is what a plan's limits are about. All else on the host is ChatGPT itself.
"""

from llmcap.providers.openai.provider import COMPACT, FREE, RESPONSES, STORED
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Provider

_BASE = "/backend-api/codex"

PROVIDER = Provider(
    name="openai-codex",
    hosts=("chatgpt.com", "*.chatgpt.com"),
    match=Routes(
        (
            ("POST", f"{_BASE}/responses", RESPONSES),
            ("GET", f"{_BASE}/responses", STORED),  # over a WebSocket it is a call like the POST
            ("POST", f"{_BASE}/responses/compact", COMPACT),
            ("POST", f"{_BASE}/analytics-events/**", FREE),
            ("GET|DELETE", f"{_BASE}/**", FREE),
        )
    ),
    api_only=False,
    paid_flat=True,
    dialect="openai_responses",
)
