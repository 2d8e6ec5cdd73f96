"""
Recorded conversations that are no plain exchange: WebSocket sessions and gRPC calls, as JSON Lines.

A line has `messages`: frames (`direction` sent or received, `data`), or gRPC calls
(`request_sample` and `response_sample`, each with the message in base64 as `raw`). Where a line
does not say its `url`, what was spoken tells whose API it is.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from llmcap.providers.parts.shape import Request

GRPC = MappingProxyType({"content-type": "application/grpc"})

Frames = tuple[tuple[bool, bytes], ...]

_LIVE = "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
GOOGLE = f"wss://generativelanguage.googleapis.com/ws/{_LIVE}"
REALTIME = "wss://api.openai.com/v1/realtime"
RESPONSES = "wss://api.openai.com/v1/responses"
XAI = "wss://api.x.ai/v1/realtime"
XAI_GRPC = "https://api.x.ai/xai_api.Chat/GetCompletion"


def is_grpc(line: Mapping[str, Any]) -> bool:
    """Whether the line's messages are gRPC calls."""
    return any("request_sample" in message for message in line["messages"])


def session(line: Mapping[str, Any]) -> tuple[Request, Frames, datetime | None]:
    """A session: its upgrade, its frames, and about when it was."""
    told = [
        (message["direction"] == "sent", message["data"])
        for message in line["messages"]
        if message.get("kind", "message") == "message"
    ]
    url = urlsplit(line.get("url") or _url(data for _, data in told))
    upgrade = Request(
        method="GET",
        host=(url.hostname or "").lower(),
        path=url.path or "/",
        query=dict(parse_qsl(url.query)),
        headers={"upgrade": "websocket"},
    )
    frames = tuple((sent, _content(data)) for sent, data in told)
    return upgrade, frames, _expiry(data for _, data in told)


def grpc_calls(line: Mapping[str, Any]) -> list[tuple[str, bytes, bytes, str]]:
    """The calls of a line: URL, request body, response body, and when as far as it is told."""
    return [
        (
            message.get("url") or line.get("url") or XAI_GRPC,
            _framed(message["request_sample"]),
            b"".join(_framed(sample) for sample in _samples(message)),
            str(_json(_samples(message)).get("created") or ""),
        )
        for message in line["messages"]
    ]


# --- parts ----------------------------------------------------------------------------------


def _samples(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = message.get("response_samples") or message.get("response_sample") or []
    return found if isinstance(found, list) else [found]


def _json(samples: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first message in words, which the recorder put beside the bytes."""
    told = samples[0].get("json") if samples else None
    return told if isinstance(told, dict) else {}


def _framed(sample: Mapping[str, Any]) -> bytes:
    message = base64.b64decode(sample["raw"])
    return b"\0" + len(message).to_bytes(4) + message


def _content(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else json.dumps(data).encode()


def _url(frames: Any) -> str:
    """Whose session it is, by the first frame that tells."""
    for data in frames:
        if not isinstance(data, dict):
            continue
        if "setup" in data:
            return GOOGLE
        session = data.get("session")
        model = session.get("model") if isinstance(session, dict) else None
        if isinstance(model, str):
            return XAI if model.startswith("grok-") else REALTIME
        if data.get("type") == "response.create" and data.get("model"):
            return RESPONSES
    return REALTIME


def _expiry(frames: Any) -> datetime | None:
    """About when: a session tells until when it may last, and none lasts for more than hours."""
    for data in frames:
        session = data.get("session") if isinstance(data, dict) else None
        until = session.get("expires_at") if isinstance(session, dict) else None
        if isinstance(until, int) and 0 < until < 2**33:
            return datetime.fromtimestamp(until, UTC)
    return None
