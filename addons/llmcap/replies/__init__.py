"""
What LLMCap says itself: refusals in each provider's words, the ends of cut streams, its headers.

`refusal` is why, `dialects` the HTTP replies, `clients` what particular programs need instead,
`plain` how it is said so that none of them takes it for a passing failure,
`endings` the last bytes of a stream that is cut (`boundaries` where, `stream_state` in what), and
`headers` what a call that went through is told. A reason and a client come in, bytes and headers go
out. A reply never decides anything, and never says that trying again helps where it does not.
"""

from llmcap.replies.dialects import (
    DIALECTS,
    refusal_headers,
    refuse,
    refuse_upgrade,
    session_error,
)  # fmt: skip
from llmcap.replies.endings import StreamEnding, end_stream
from llmcap.replies.headers import cost_headers
from llmcap.replies.refusal import CAP_REACHED, Refusal, Reply, message_for, refusal_for
from llmcap.replies.stream_state import OpenText, StreamState

__all__ = [
    "CAP_REACHED",
    "DIALECTS",
    "OpenText",
    "Refusal",
    "Reply",
    "StreamEnding",
    "StreamState",
    "cost_headers",
    "end_stream",
    "message_for",
    "refusal_for",
    "refusal_headers",
    "refuse",
    "refuse_upgrade",
    "session_error",
]
