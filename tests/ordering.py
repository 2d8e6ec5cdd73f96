"""What tests of batches are told with: files that are uploaded, orders, and looks at them."""

import json

from walk import Walk

from llmcap.providers.parts.shape import Request
from llmcap.walk.attributes import Facts
from llmcap.walk.deferred import Deferred
from llmcap.walk.flight import CallInFlight
from llmcap.walk.uploads import Upload

NOBODY = Facts()


def form(data: bytes, *, purpose: str = "batch", host="api.openai.com", path="/v1/files"):
    """An upload of a file as a form."""
    head = b'--B\r\nContent-Disposition: form-data; name="'
    body = (
        head + b'purpose"\r\n\r\n' + purpose.encode() + b"\r\n"
        + head + b'file"; filename="calls.jsonl"\r\n\r\n' + data + b"\r\n--B--\r\n"
    )  # fmt: skip
    headers = {"content-type": "multipart/form-data; boundary=B"}
    return Request(method="POST", host=host, path=path, headers=headers, body=body)


def line(number: int = 0, *, url: str = "/v1/chat/completions", **body) -> dict:
    """One call of a batch; a chat of gpt-4o-mini where nothing else is said."""
    document: dict[str, object] = {"model": "gpt-4o-mini"}
    if not body.keys() & {"input", "prompt"}:
        document |= {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
    return {"custom_id": str(number), "method": "POST", "url": url, "body": document | body}


def jsonl(*lines: dict) -> bytes:
    """Lines of JSON."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def upload(there: Walk, request: Request, told: dict, *, status: int = 200) -> Upload:
    """A file on its way, and the provider's answer."""
    watched = there.firewall.consider(request, NOBODY)
    assert isinstance(watched, Upload), watched
    watched.read()
    answered(watched, told, status=status)
    return watched


def look(there: Walk, path: str, told: dict | bytes, *, host="api.openai.com", **answer) -> object:
    """A request that costs nothing, and what the provider tells: gives what became of it."""
    request = Request(
        method=answer.pop("method", "GET"), host=host, path=path, query=answer.pop("query", {})
    )
    watched = there.firewall.consider(request, NOBODY)
    if isinstance(watched, Deferred):
        answered(watched, told, **answer)
    return watched


def answered(
    call: CallInFlight | Deferred, told: dict | bytes, *, status: int = 200, kind: str = ""
) -> None:
    """The whole answer to a call or a look."""
    whole = isinstance(told, dict)
    headers = {"content-type": kind or ("application/json" if whole else "application/jsonl")}
    if isinstance(call, CallInFlight):
        call.responded(status, headers, streams=False)
    else:
        call.responded(status, headers)
    data = json.dumps(told).encode() if isinstance(told, dict) else told
    assert call.feed(data) == data
    call.finish()
