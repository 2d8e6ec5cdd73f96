"""
WebSocket sessions: each response in them is admitted, metered and settled like a call.

Frames come in from both sides; out goes a verdict on each: pass it, hold it until there is money,
put another in its place, or close. A session never owns a connection, and never waits.
"""

from llmcap.sockets.opening import opened
from llmcap.sockets.recorded import read_session
from llmcap.sockets.session import Pending, Session, Verdict

__all__ = ["Pending", "Session", "Verdict", "opened", "read_session"]
