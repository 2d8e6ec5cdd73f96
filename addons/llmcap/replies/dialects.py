"""
The error of each API as its own server words it, so that its SDKs raise what they do for a quota.

A row per dialect: the status that stops its SDKs, the error document, its headers. The shapes are
those that the providers send when an account's own spend limit is reached, where such a thing is
known; our message and a small machine-readable `llmcap` object take the place of theirs.

A client that asks again gets another status, the one that ends it, and a body in which nothing is
found that would let it wait: see `clients` and `plain`.

No reply has a `retry-after`: several SDKs and Codex would sleep for it, some of them for days, and
Azure's take any error that has one for worth trying again (findings/azure_core_retry_after.sh).
Only a rate limit, which a minute's wait cures, is told as one: see `ratelimit`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from llmcap.replies import ratelimit
from llmcap.replies.clients import client_of
from llmcap.replies.plain import plain, plain_document
from llmcap.replies.refusal import CAP_REACHED, Refusal, Reply, iso

Document = dict[str, Any]

# What Anthropic calls an error of an account's means; told to clients that would wait for a quota.
BILLING = "billing_error"

QUOTA_STATUSES = {"429": 429, "402": 402, "401": 401, "400": 400}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one API words an error: `error` makes the whole document for a status."""

    error: Callable[[Refusal, int], Document]
    status: int = 429  # that its SDKs take as final, for all but the programs in `clients`
    request_id: str = "x-request-id"
    content_type: str = "application/json"
    headers: Callable[[Refusal, int], Mapping[str, str]] = lambda _refusal, _status: {}


def refuse(
    refusal: Refusal, *, dialect: str, user_agent: str = "", status: str = "auto", step: int = 1
) -> Reply:
    """
    The whole reply to a request that is not forwarded.

    `status` is the user's `refusal_status`. With `auto`, a request that no budget could let through
    gets 400 (an app that backs off on 429 would otherwise come back with it), everything else the
    status that stops this client: `step` is how often it was told already, and this time.
    """
    shape = DIALECTS.get(dialect, DIALECTS["generic"])
    if dialect == "grpc":
        return _grpc(refusal)
    if refusal.retry_after is not None and status in ("auto", "429"):
        return _rate_limited(refusal, shape, dialect, refusal.retry_after)
    code = QUOTA_STATUSES.get(status) or _auto_status(refusal, shape, user_agent, step)
    # What an API's own server says at its own status is not put in other words the first time.
    own = status == "auto" and code == shape.status and step == 1 and not refusal.about_request
    refusal = replace(refusal, final=code != 429 and not own)
    headers = {
        "content-type": shape.content_type,
        "x-should-retry": "false",
        **refusal_headers(refusal),
        **shape.headers(refusal, code),
    }
    if shape.request_id:
        headers[shape.request_id] = _request_id(refusal)
    if not refusal.final:
        return Reply(code, headers, _json(shape.error(refusal, code)))
    worded = replace(refusal, message=plain(refusal.message))
    return Reply(code, headers, _json(plain_document(shape.error(worded, code))))


def _rate_limited(refusal: Refusal, shape: Dialect, dialect: str, seconds: int) -> Reply:
    """The same as a rate limit of the provider's: 429, for every client."""
    assert refusal.cap is not None, "a rate limit is some budget's"
    headers = {
        "content-type": shape.content_type,
        **refusal_headers(refusal),
        **ratelimit.headers(
            dialect,
            unit=refusal.unit,
            cap=refusal.cap,
            left=max(refusal.cap - (refusal.spent or 0), 0),
            seconds=seconds,
            resets_at=refusal.resets_at,
        ),
    }
    if shape.request_id:
        headers[shape.request_id] = _request_id(refusal)
    document = ratelimit.worded(
        shape.error(refusal, 429), dialect, unit=refusal.unit, seconds=seconds
    )
    return Reply(429, headers, _json(document))


def session_error(refusal: Refusal, *, status: int = 429) -> Document:
    """
    What the frame of a session says that refuses one piece of work, in OpenAI's shape.

    Codex stops at the first; closing the socket instead makes it send its turn five times more. A
    client that asks again, over this connection or another, is told the words of a final refusal.
    """
    if status == 429 or refusal.about_request:
        return dict(openai_error(refusal, status)["error"])
    worded = replace(refusal, final=True, message=plain(refusal.message))
    return dict(plain_document(openai_error(worded, status))["error"])


def refuse_upgrade() -> Reply:
    """The answer to a WebSocket that is not metered: Codex falls back to POST at once."""
    body = _json({"error": {"message": "LLMCap does not meter this WebSocket: use HTTP"}})
    return Reply(426, {"content-type": "application/json", "upgrade": "HTTP/1.1"}, body)


def refusal_headers(refusal: Refusal) -> dict[str, str]:
    """The `x-llmcap-*` headers of a refusal."""
    headers = {"x-llmcap-reason": refusal.reason}
    for name, value in refusal.document().items():
        if name in ("budget", "spent", "cap", "needed"):
            headers[f"x-llmcap-{name}"] = header_text(value)
    if refusal.resets_at is not None:
        headers["x-llmcap-resets-at"] = iso(refusal.resets_at)
    return headers


def header_text(value: object) -> str:
    """Text that is safe as a header's value, whatever the user named a budget."""
    return quote(str(value), safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~")


def openai_error(refusal: Refusal, _status: int) -> Document:
    """OpenAI's shape, with the code it gives when a project's spend limit is reached."""
    kind = "invalid_request_error" if refusal.about_request else "insufficient_quota"
    code = "project_spend_limit_exceeded" if refusal.reason == CAP_REACHED else refusal.reason
    if refusal.final and not refusal.about_request:
        kind, code = BILLING, refusal.reason
    error = {"message": refusal.message, "type": kind, "param": None, "code": code}
    return {"error": {**error, "llmcap": refusal.document()}}


def anthropic_error(refusal: Refusal, status: int) -> Document:
    """
    Anthropic's shape: 429 as for a tier's spend cap, 400 as for a limit that the user set.

    https://platform.claude.com/docs/en/api/errors
    """
    kinds = {429: "rate_limit_error", 402: BILLING, 401: "authentication_error"}
    kind = kinds.get(status, "invalid_request_error")
    error: Document = {"type": kind, "message": refusal.message}
    if refusal.reason == CAP_REACHED and status == 429:
        error["details"] = {"error_code": "enforced_spend_limit_reached"}
    error["llmcap"] = refusal.document()
    return {"type": "error", "error": error, "request_id": _request_id(refusal)}


def google_error(refusal: Refusal, status: int) -> Document:
    """
    A `google.rpc.Status`. `error` comes first, as google-genai looks for `{"error":` in a stream.

    Gemini CLI gives up at once only on a QuotaFailure per day, and comes back at a RetryInfo.
    """
    code = "FAILED_PRECONDITION" if status == 400 or refusal.final else "RESOURCE_EXHAUSTED"
    if refusal.about_request:
        code = "INVALID_ARGUMENT"
    metadata = {name: str(value) for name, value in refusal.document().items()}
    details: list[Document] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": refusal.reason.upper(),
            "domain": "llmcap",
            "metadata": metadata,
        }
    ]
    if not (refusal.about_request or refusal.final):
        violation = {
            "subject": f"llmcap/{refusal.budget or refusal.reason}",
            "description": refusal.message,
            "quotaMetric": "llmcap/spend",
            "quotaId": "LLMCapSpendPerDay",
        }
        failure = {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [violation],
        }
        details.insert(0, failure)
    return {
        "error": {"code": status, "message": refusal.message, "status": code, "details": details}
    }


def _interactions_error(refusal: Refusal, _status: int) -> Document:
    code = "invalid_request" if refusal.about_request else "quota_exceeded"
    error = {
        "code": BILLING if refusal.final else code,
        "message": refusal.message,
        "llmcap": refusal.document(),
    }
    return {"error": error}


def _mistral_error(refusal: Refusal, _status: int) -> Document:
    kind = "invalid_request_error" if refusal.about_request else "rate_limited"
    if refusal.final and not refusal.about_request:
        kind = BILLING
    return {
        "object": "error",
        "message": refusal.message,
        "type": kind,
        "param": None,
        "code": refusal.reason,
        "llmcap": refusal.document(),
    }


def _cohere_error(refusal: Refusal, _status: int) -> Document:
    return {"id": refusal.id, "message": refusal.message, "llmcap": refusal.document()}


def _openrouter_error(refusal: Refusal, status: int) -> Document:
    """Numeric code; https://openrouter.ai/docs/api-reference/errors."""
    metadata = {"limit_source": "llmcap", "llmcap": refusal.document()}
    return {"error": {"code": status, "message": refusal.message, "metadata": metadata}}


def _copilot_error(refusal: Refusal, _status: int) -> Document:
    code = refusal.reason if refusal.about_request or refusal.final else "quota_exceeded"
    return {"message": refusal.message, "code": code, "llmcap": refusal.document()}


def _dashscope_error(refusal: Refusal, _status: int) -> Document:
    """https://www.alibabacloud.com/help/en/model-studio/error-code: of a quota that is used up."""
    code = "Throttling.AllocationQuota"
    if refusal.about_request or refusal.final:
        code = "InvalidParameter" if refusal.about_request else refusal.reason
    return {
        "code": code,
        "message": refusal.message,
        "request_id": _request_id(refusal),
        "llmcap": refusal.document(),
    }


def _detail_error(refusal: Refusal, _status: int) -> Document:
    return {"detail": refusal.message, "llmcap": refusal.document()}


def _plain_error(refusal: Refusal, _status: int) -> Document:
    return {"error": refusal.message, "llmcap": refusal.document()}


def _bedrock_error(refusal: Refusal, _status: int) -> Document:
    return {"message": refusal.message, "llmcap": refusal.document()}


def _bedrock_headers(refusal: Refusal, status: int) -> Mapping[str, str]:
    """
    The exception that botocore takes as final at this status.

    It retries most 429s whatever the headers say; as an AccessDeniedException only its legacy mode
    does.
    """
    if refusal.about_request:
        return {"x-amzn-errortype": "ValidationException"}
    kind = "AccessDeniedException" if status == 429 else "ServiceQuotaExceededException"
    return {"x-amzn-errortype": kind}


_OPENAI = Dialect(openai_error)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "generic": _OPENAI,
        "openai": _OPENAI,
        "openai_responses": _OPENAI,
        "azure": _OPENAI,  # its clients are OpenAI's SDKs
        "xai": _OPENAI,  # its own error is a bare string, in which no SDK finds a message
        "grpc": _OPENAI,
        "anthropic": Dialect(anthropic_error, request_id="request-id"),
        "google": Dialect(
            google_error, request_id="", content_type="application/json; charset=UTF-8"
        ),
        # Its SDK tries a 429 five times and has no way to be told otherwise.
        "google_interactions": Dialect(_interactions_error, status=400, request_id=""),
        "mistral": Dialect(_mistral_error),
        "cohere": Dialect(_cohere_error),
        "dashscope": Dialect(_dashscope_error),
        "openrouter": Dialect(_openrouter_error),
        # What Copilot itself answers when a plan's credits are used up.
        "github_copilot": Dialect(_copilot_error, status=402),
        "voyage": Dialect(_detail_error),
        "jina": Dialect(_detail_error),
        "ollama": Dialect(_plain_error),
        "bedrock": Dialect(
            _bedrock_error, status=400, request_id="x-amzn-requestid", headers=_bedrock_headers
        ),
    }
)


def _auto_status(refusal: Refusal, shape: Dialect, user_agent: str, step: int) -> int:
    if refusal.about_request:
        return 400
    return client_of(user_agent).status(step) if shape.status == 429 else shape.status


def _grpc(refusal: Refusal) -> Reply:
    """
    A trailers-only gRPC answer: RESOURCE_EXHAUSTED, or INVALID_ARGUMENT for the request's fault.

    Neither is retried by xai-sdk, which would retry what an HTTP 429 is mapped to.
    """
    headers = {
        "content-type": "application/grpc",
        "grpc-status": "3" if refusal.about_request else "8",
        "grpc-message": quote(refusal.message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        **refusal_headers(refusal),
    }
    return Reply(200, headers, b"")


def _request_id(refusal: Refusal) -> str:
    return f"req_llmcap_{refusal.id}"


def _json(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
