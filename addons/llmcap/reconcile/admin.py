"""
The same from a provider's own API, with an admin key: pages, one after the other, kept in memory.

The key is read from an environment variable, sent to that provider only, and written nowhere.
"""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from llmcap.reconcile import vendors
from llmcap.reconcile.line import Line
from llmcap.words.errors import ReconcileError

PAGES_MAX = 1_000
_TEAM = re.compile(r"[\w-]{1,100}")
BYTES_MAX = 64 << 20
SECONDS_MAX = 60

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Api:
    """Where a provider tells usage and costs, and how it is asked."""

    base: str
    paths: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # path, what is fixed of its query
    header: str
    prefix: str
    key: str  # what an admin key of it is called
    seconds: bool  # times are seconds since 1970, not RFC 3339
    more: Mapping[str, str]


_GROUPS = (("group_by[]", "model"), ("group_by[]", "api_key_id"))
# developers.openai.com/api/reference/resources/admin;
# platform.claude.com/docs/en/api/usage-cost-api;
# openrouter.ai/docs/api/api-reference/analytics/get-user-activity.
APIS = {
    "openai": Api(
        "https://api.openai.com",
        (
            ("/v1/organization/usage/completions",
             (("bucket_width", "1d"), ("limit", "31"), ("group_by", "model"),
              ("group_by", "api_key_id"))),
            ("/v1/organization/costs",
             (("bucket_width", "1d"), ("limit", "31"), ("group_by", "line_item"))),
        ),
        "authorization", "Bearer ", "an admin key (sk-admin-...)", seconds=True, more={},
    ),
    "anthropic": Api(
        "https://api.anthropic.com",
        (
            ("/v1/organizations/usage_report/messages",
             (("bucket_width", "1d"), ("limit", "31"), *_GROUPS)),
            ("/v1/organizations/cost_report",
             (("bucket_width", "1d"), ("limit", "31"), ("group_by[]", "description"))),
        ),
        "x-api-key", "", "an admin key (sk-ant-admin...)", seconds=False,
        more={"anthropic-version": "2023-06-01"},
    ),
    "openrouter": Api(
        "https://openrouter.ai", (("/api/v1/activity", ()),),
        "authorization", "Bearer ", "a provisioning key", seconds=False, more={},
    ),
}  # fmt: skip


# It is asked in another way than those: its team first, then one answer for all days.
# The source: docs.x.ai/developers/rest-api-reference/management, its parts auth and billing.
XAI = "xai"
XAI_API = Api(
    "https://management-api.x.ai", (), "authorization", "Bearer ", "a management key",
    seconds=False, more={"content-type": "application/json"},
)  # fmt: skip


def key_from(named: str, environ: Mapping[str, str] = os.environ) -> str:
    """The key that `env:NAME` names. Raises `ReconcileError`."""
    scheme, _, name = named.partition(":")
    if scheme != "env" or not name:
        raise ReconcileError(
            "an admin key is named by its variable, such as env:OPENAI_ADMIN_KEY, and never typed"
        )
    if not environ.get(name):
        raise ReconcileError(f"the variable {name} is not set: it must hold the admin key")
    return environ[name]


def api_of(provider: str) -> Api:
    """How a provider is asked for its bill. Raises `ReconcileError` for one that is not."""
    api = {**APIS, XAI: XAI_API}.get(provider)
    if api is None:
        raise ReconcileError(
            f"{provider} is not asked for its bill here\nhint: there are {', '.join(APIS)}, {XAI}; "
            "of others take an export file"
        )
    return api


def lines(
    provider: str, key: str, since: datetime, until: datetime, *, base: str = ""
) -> Iterator[Line]:
    """Everything that the provider tells of [since, until). Raises `ReconcileError`."""
    api = api_of(provider)
    root = (base or api.base).rstrip("/")
    parts = urlsplit(root)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ReconcileError(f"{root}: an admin key is sent over https only")
    if provider == XAI:
        yield from _xai_lines(root, key, since, until)
    for path, fixed in api.paths:
        query = [*fixed]
        if api.seconds:
            query += [("start_time", str(int(since.timestamp())))]
            query += [("end_time", str(int(until.timestamp())))]
        elif fixed:
            query += [("starting_at", since.strftime("%Y-%m-%dT%H:%M:%SZ"))]
            query += [("ending_at", until.strftime("%Y-%m-%dT%H:%M:%SZ"))]
        yield from _pages(api, root, path, query, key)


def _pages(
    api: Api, root: str, path: str, query: list[tuple[str, str]], key: str
) -> Iterator[Line]:
    page: str | None = None
    for _ in range(PAGES_MAX):
        asked = [*query, *([("page", page)] if page else [])]
        document = _get(api, f"{root}{path}?{urlencode(asked)}" if asked else f"{root}{path}", key)
        yield from vendors.lines_of(document.get("data") or (), _told)
        page = document.get("next_page")
        if not page or not document.get("has_more"):
            return
    raise ReconcileError(f"{root}{path}: there are more than {PAGES_MAX} pages")


def _xai_lines(root: str, key: str, since: datetime, until: datetime) -> Iterator[Line]:
    """Dollars by day and what xAI calls it. The key says whose team's they are."""
    known = _get(XAI_API, f"{root}/auth/management-keys/validation", key)
    team = str(known.get("teamId") or known.get("scopeId") or "")
    if not _TEAM.fullmatch(team):
        raise ReconcileError(f"{root} does not say whose team the management key is of")
    asked = {
        "timeRange": {"startTime": f"{since:%F} 00:00:00", "endTime": f"{until:%F %T}",
                      "timezone": "Etc/GMT"},
        "timeUnit": "TIME_UNIT_DAY",
        "values": [{"name": "usd", "aggregation": "AGGREGATION_SUM"}],
        "groupBy": ["description"],
        "filters": [],
    }  # fmt: skip
    url = f"{root}/v1/billing/teams/{team}/usage"
    found = _get(XAI_API, url, key, body=json.dumps({"analyticsRequest": asked}).encode())
    if found.get("limitReached"):
        raise ReconcileError(f"{url} says that this is not all: ask for fewer days with --since")
    yield from vendors.lines_of([found], vendors.xai_usage)


def _told(item: vendors.Row) -> Iterator[Line]:
    """What a bucket of usage or costs says, or an item of OpenRouter's activity."""
    if "results" in item:
        yield from vendors.bucketed(item)
    elif "date" in item:
        yield vendors.openrouter_activity(item)


def _get(api: Api, url: str, key: str, *, body: bytes | None = None) -> dict[str, Any]:
    where = url.partition("?")[0]
    headers = {api.header: f"{api.prefix}{key}", "user-agent": "llmcap", **api.more}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - checked by `lines`
    try:
        with _OPENER.open(request, timeout=SECONDS_MAX) as answer:
            content = answer.read(BYTES_MAX + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise ReconcileError(
                f"{where} refuses the key ({error.code}): it needs {api.key} that has not expired"
            ) from None
        raise ReconcileError(f"{where} answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise ReconcileError(f"{where} cannot be reached: {error.reason}") from None
    except (OSError, HTTPException) as error:
        raise ReconcileError(f"{where} broke off: {error!s:.200}") from None
    if len(content) > BYTES_MAX:
        raise ReconcileError(f"{where} sends a page of more than {BYTES_MAX >> 20} MB")
    try:
        document = json.loads(content, parse_float=Decimal)
    except ValueError:
        raise ReconcileError(f"{where} does not send JSON") from None
    if not isinstance(document, dict):
        raise ReconcileError(f"{where} does not send a page")
    return document


class _NoDetours(urllib.request.HTTPRedirectHandler):
    """A key goes where it was sent, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """No redirect is followed."""


_OPENER = urllib.request.build_opener(_NoDetours)
