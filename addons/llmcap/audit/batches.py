"""
The files of providers' batches, as people keep them: a line of calls that went in, or of answers.

- OpenAI's, and of those who copied it: `custom_id` with `body` (asked), or with `response` and
  `error` (told). https://platform.openai.com/docs/api-reference/batch/request-output
- Anthropic's: `custom_id` with `params`, or with `result`.
  https://docs.claude.com/en/api/retrieving-message-batch-results
- Gemini's: `key` with `request`, or with `response` or `error`.
  https://ai.google.dev/gemini-api/docs/batch-api
- xAI's: a page of results, or one result a line (`batch_request_id`).
  https://docs.x.ai/docs/guides/batch-api
- Bedrock's: `recordId` with `modelInput`, and `modelOutput` or `error`.
  https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html
- Vertex's: `request` with `response` and `status`, of Gemini's or of Anthropic's models.
  https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini,
  https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/batch

An answer becomes the download of an output with this one line, so that what settles a live batch
reads it; where there is no such download, at Bedrock and Vertex, the call that it was. Whose a file
of OpenAI's kind is, is told by marks that only one vendor leaves, by a model that only one of them
sells, or by the person who asks.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from llmcap.audit.parts import HTTP_ERRORS, Batch, Recording, request_of, time_of
from llmcap.pricing import PriceBook
from llmcap.providers import provider_named
from llmcap.providers.parts.reader import count, document, documents, text
from llmcap.providers.parts.shape import Billing
from llmcap.words.errors import ConfigError

_ANTHROPIC = "https://api.anthropic.com"
_GOOGLE = "https://generativelanguage.googleapis.com"

# Who documents batches of OpenAI's kind; more can be named.
SELLERS = ("fireworks", "groq", "mistral", "openai", "together")

# Below which path a vendor of OpenAI's kind has its files.
_BASES = ("/v1", "/openai/v1", "/openai", "/api/v1", "/inference/v1", "/v2", "")

# The files of Bedrock and Vertex do not tell where they were made: in a region no call is cheaper.
_BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/{}/invoke"
_VERTEX = (
    "https://us-central1-aiplatform.googleapis.com/v1/projects/-/locations/us-central1"
    "/publishers/{}/models/{}:{}"
)

_JSON = {"content-type": "application/json"}
_LINES = {"content-type": "application/x-ndjson"}
_FREE = ("errored", "canceled", "expired")  # of Anthropic's results


def is_batch(line: Mapping[str, Any]) -> bool:
    """Whether a line is of a batch's file."""
    if "custom_id" in line:
        return bool(line.keys() & {"body", "params", "result", "request", "response", "error"})
    if "recordId" in line or _is_xais(line) or line.keys() >= {"instance", "status"}:
        return True
    if "url" in line or "path" in line:
        return False
    asked = line.get("request")
    if isinstance(asked, Mapping):
        known = "contents" in asked or "key" in line or "anthropic_version" in asked
        return known and not asked.keys() & {"url", "path"}
    return "key" in line and bool(line.keys() & {"response", "error"})


def read_line(line: Mapping[str, Any], number: int) -> Recording:
    """One line. Raises `ValueError` for an URL that is none."""
    name = str(line.get("custom_id") or line.get("key") or line.get("recordId") or number)
    if "recordId" in line:
        return _of_bedrock(line, name)
    if "instance" in line or _is_vertexs(line):
        return _of_vertex(line, name)
    if _is_xais(line):
        return _of_xai(line, str(line.get("batch_request_id") or number))
    if "result" in line:
        absent = _lost_result(line["result"])
        return _told(line, name, f"{_ANTHROPIC}/v1/messages/batches/{{}}/results", absent)
    if "params" in line:
        return _asked(name, f"{_ANTHROPIC}/v1/messages", line["params"])
    if "custom_id" in line:
        return _of_openais_kind(line, name)
    if not line.keys() & {"response", "error"}:
        return _asked(name, "", line["request"])
    absent = _lost_response(line)
    return _told(line, name, f"{_GOOGLE}/v1beta/files/{{}}:download", absent)


def placed(recording: Recording, named: str, prices: PriceBook, at: datetime) -> Recording:
    """
    The same at its vendor: at the one that a person named, else at the only one that sells it.

    What is of no batch, or says itself whose it is, stays as it is. Raises `ConfigError` for a
    vendor that is unknown, or that has no batches of OpenAI's kind.
    """
    if recording.batch is None or recording.request.host or recording.absent:
        return recording
    if recording.status >= HTTP_ERRORS:
        return recording  # which is free at all of them
    if not named:
        sellers = [
            name
            for name in SELLERS
            if recording.model and prices.find(_price_key(name), recording.model, at)
        ]
        if len(sellers) != 1:
            return replace(recording, absent=_untold(recording.model, sellers))
        named = sellers[0]
    return _at(recording, _files_of(named))


def _untold(model: str, sellers: Sequence[str]) -> str:
    """Why the vendor is not known."""
    if not model:
        why = "nor its model"
    elif not sellers:
        why = f"and nobody is known who sells {model[:80]}"
    else:
        why = f"and {model[:80]} is sold by {' and '.join(sellers)}"
    return f"whose batch it is, is not told, {why}: --provider names it"


def _at(recording: Recording, files: str) -> Recording:
    request, (base, _, _) = recording.request, files.rpartition("/files")
    if recording.batch is Batch.TOLD:
        url = f"{base}{request.path}"
    else:
        parts = urlsplit(base)
        url = f"{parts.scheme}://{parts.netloc}{request.path}"
    moved = request_of(request.method, url, request.headers, request.body)
    return replace(recording, request=moved)


def _price_key(name: str) -> str:
    return provider_named(name).price_key


def _files_of(name: str) -> str:
    """The URL below which the files of a vendor are."""
    provider = provider_named(name)
    host = provider.hosts[0].replace("*", "batch") if provider.hosts else ""
    for base in _BASES:
        endpoint = provider.match("GET", f"{base}/files/x/content")
        if endpoint is not None and endpoint.billing is Billing.DEFERRED:
            return f"https://{host}{base}/files"
    raise ConfigError(
        f"no batches of {name} are known whose output is of OpenAI's kind\n"
        f"hint: --provider takes {', '.join(SELLERS)}, azure-openai and others"
    )


# --- OpenAI's kind --------------------------------------------------------------------------


def _of_openais_kind(line: Mapping[str, Any], name: str) -> Recording:
    if not line.keys() & {"response", "error"}:
        path = str(line.get("url") or "/v1/chat/completions")
        return _asked(name, path, line["body"])
    response = line.get("response")
    # Fireworks has the answer where others have its status and body.
    bare = isinstance(response, Mapping) and "usage" in response and "body" not in response
    if bare:
        line = {**line, "response": {"status_code": 200, "body": response}}
    body = document(document(line.get("response")).get("body"))
    told = _told(line, name, f"{_marked(body)}/files/{{}}/content", _lost_body(line))
    at = time_of(body.get("created")) or time_of(body.get("created_at"))
    status = HTTP_ERRORS if _failed(line) else 200
    return replace(told, status=status, at=at, model=text(body.get("model")))


def _failed(line: Mapping[str, Any]) -> bool:
    """Whether the call was refused, or never made: that is free at every vendor."""
    response = document(line.get("response"))
    if count(response.get("status_code")) >= HTTP_ERRORS:
        return "usage" not in document(response.get("body"))
    return bool(line.get("error")) and not response.get("body")


def _marked(body: Mapping[str, Any]) -> str:
    """Where it was answered, by the marks that only one vendor leaves; empty without any."""
    choices = body.get("choices")
    first = document(choices[0]) if isinstance(choices, list) and choices else {}
    if "x_groq" in body or "queue_time" in document(body.get("usage")):
        return _files_of("groq").removesuffix("/files")
    if "prompt_filter_results" in body or "content_filter_results" in first:
        return _files_of("azure-openai").removesuffix("/files")
    return ""


def _lost_body(line: Mapping[str, Any]) -> str:
    """Why nobody can know what an answer cost; empty where it can be known, or is free."""
    if _failed(line):
        return ""
    response = line.get("response")
    if not isinstance(response, Mapping):
        return "neither an answer nor an error is in the line"
    body = response.get("body")
    return "" if isinstance(body, Mapping) and body else "its answer is not in the line"


# --- Anthropic and Gemini -------------------------------------------------------------------


def _lost_result(result: object) -> str:
    kind = text(document(result).get("type"))
    if kind in _FREE:
        return ""
    if kind != "succeeded":
        return f"its result is of a type that is not known: {kind[:40] or 'none'}"
    usage = document(document(document(result).get("message")).get("usage"))
    return "" if usage else "no usage in its message"


def _lost_response(line: Mapping[str, Any]) -> str:
    response = line.get("response")
    if isinstance(response, Mapping) and response:
        return ""
    return "" if line.get("error") else "neither an answer nor an error is in the line"


# --- xAI ------------------------------------------------------------------------------------


def _is_xais(line: Mapping[str, Any]) -> bool:
    """Whether it is a result of xAI's, or a page of them."""
    results = line.get("results")
    first = results[0] if isinstance(results, list) and results else line
    return "batch_request_id" in document(first)


def _of_xai(line: Mapping[str, Any], name: str) -> Recording:
    page = line if "results" in line else {"results": [line]}
    told = _told(page, name, "https://api.x.ai/v1/batches/{}/results", "")
    results = [document(each.get("batch_result")) for each in documents(page["results"])]
    failed = all(each.get("error") and not each.get("response") for each in results)
    return replace(told, headers=_JSON, status=HTTP_ERRORS if failed else 200)


# --- Bedrock and Vertex ---------------------------------------------------------------------


def _of_bedrock(line: Mapping[str, Any], name: str) -> Recording:
    if not line.keys() & {"modelOutput", "error"}:
        return _asked(name, "", line.get("modelInput"))
    answer = document(line.get("modelOutput"))
    model = text(answer.get("model"))
    return _called(
        name,
        _BEDROCK.format(model),
        model=model,
        asked=document(line.get("modelInput")),
        answer=answer,
        failed=bool(line.get("error")) and not answer,
    )


def _is_vertexs(line: Mapping[str, Any]) -> bool:
    """Whether it is a line of Vertex: it has the request beside its answer, or a prompt alone."""
    if "request" not in line:
        return False
    return "key" not in line or "status" in line


def _of_vertex(line: Mapping[str, Any], name: str) -> Recording:
    answer, asked = document(line.get("response")), document(line.get("request"))
    if not line.keys() & {"response", "status", "prediction", "predictions"}:
        return _asked(name, "", asked)
    if text(answer.get("type")) == "message":
        publisher, model, verb = "anthropic", text(answer.get("model")), "rawPredict"
    else:
        # `gemini-2.0-flash-001@default` is the model with its version.
        model = text(answer.get("modelVersion")).partition("@")[0]
        publisher, verb = "google", "generateContent"
    called = _called(
        name,
        _VERTEX.format(publisher, model, verb),
        model=model,
        asked=asked,
        answer=answer,
        failed=bool(text(line.get("status"))) and not answer and "instance" not in line,
    )
    at = time_of(line.get("processed_time")) or time_of(answer.get("createTime"))
    return replace(called, at=at)


def _called(
    name: str,
    url: str,
    *,
    model: str,
    asked: Mapping[str, Any],
    answer: Mapping[str, Any],
    failed: bool,
) -> Recording:
    """A call and its answer. What has not failed and names no model may have cost anything."""
    body, answered = (json.dumps(each, ensure_ascii=False) for each in (asked, answer))
    return Recording(
        id=name,
        request=request_of("POST", url, _JSON, body.encode("utf-8", "surrogatepass")),
        status=HTTP_ERRORS if failed else 200,
        headers=_JSON,
        body=answered.encode("utf-8", "surrogatepass"),
        at=None,
        absent="" if model or failed else "which model has answered is not in the line",
        batch=Batch.CALLED,
        model=model,
    )


# --- parts ----------------------------------------------------------------------------------


def _told(line: Mapping[str, Any], name: str, url: str, absent: str) -> Recording:
    """An answer, as an output of one line; named by what it says, so that a copy is known."""
    body = json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(body).hexdigest()
    return Recording(
        id=name,
        request=request_of("GET", url.format(digest), {}, b""),
        status=200,
        headers=_LINES,
        body=body + b"\n",
        at=None,
        absent=absent,
        batch=Batch.TOLD,
    )


def _asked(name: str, url: str, call: object) -> Recording:
    """A call that was ordered, as if it were sent by itself."""
    if not isinstance(call, Mapping):
        raise ValueError("the call that it orders is no object")
    body = json.dumps(call, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Recording(
        id=name,
        request=request_of("POST", url, _JSON, body),
        status=0,
        headers={},
        body=b"",
        at=None,
        batch=Batch.ASKED,
        model=text(call.get("model")),
    )
