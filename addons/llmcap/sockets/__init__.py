"""WebSocket sessions: each response in them is admitted, metered and settled like a call."""

from llmcap.sockets.opening import opened
from llmcap.sockets.recorded import read_session
from llmcap.sockets.session import Pending, Session, Verdict

__all__ = ["Pending", "Session", "Verdict", "opened", "read_session"]
