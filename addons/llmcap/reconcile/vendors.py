"""
What vendors of models say that they billed: pages of admin APIs, and what consoles save.

- OpenAI: `organization.usage.*.result` and `organization.costs.result`, in buckets
  (openai-python 3.52.0, `types/admin/organization/usage_completions_response.py`,
  `usage_costs_response.py`; developers.openai.com/api/reference/resources/admin). Cached and
  written tokens are parts of `input_tokens`.
- Anthropic: `usage_report/messages`, `cost_report` (amounts in cents, as text) and the analytics of
  the same (anthropic-python 2.11.0, `types/beta/organization/beta_analytics_*_bucketed_result.py`;
  platform.claude.com/docs/en/api/usage-cost-api), and the console's CSV (`usage_date_utc`, ...).
- xAI: `/v1/billing/teams/{team_id}/usage` by day and description: dollars, no tokens
  (docs.x.ai/developers/rest-api-reference/management/billing).
- OpenRouter: `/api/v1/activity` (openrouter.ai/docs, ActivityItem), and the page's CSV of
  generations (`generation_id`, `tokens_prompt`, `cost_total`, ...).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from llmcap.reconcile.line import INPUT, OUTPUT, READ, WRITE, Line, count_of, day_of, line, nanos_of
from llmcap.words.errors import ReconcileError

Row = Mapping[str, Any]

CENTS = 100
# What a bill has besides models: the line is told under this name.
NO_MODEL = "(no model)"


def lines_of[Item](items: Iterable[Item], read: Callable[[Item], Iterable[Line]]) -> Iterator[Line]:
    """All lines of some items. Raises `ReconcileError` for one that its vendor never wrote."""
    for number, item in enumerate(items, 1):
        try:
            found = [*read(item)]
        except KeyError as error:
            raise ReconcileError(f"item {number} of it has no {error.args[0]}") from None
        except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as error:
            raise ReconcileError(f"item {number} of it is none of its vendor's: {error}") from None
        yield from found


def alone[Item](read: Callable[[Item], Line]) -> Callable[[Item], Iterable[Line]]:
    """For items of one line each."""
    return lambda item: [read(item)]


def openai_usage(row: Row, day: str) -> Line:
    """One result of a usage page, or row of the same as CSV."""
    read = count_of(row.get("input_cached_tokens"))
    written = count_of(row.get("input_cache_write_tokens"))
    whole = count_of(row.get("input_tokens"))
    tokens = {
        INPUT: max(whole - read - written, 0),
        READ: read,
        WRITE: written,
        OUTPUT: count_of(row.get("output_tokens")),
    }
    return line(
        day,
        row.get("model") or NO_MODEL,
        tokens,
        requests=count_of(row.get("num_model_requests")),
        bucket=str(row.get("api_key_id") or row.get("project_id") or ""),
    )


def openai_cost(row: Row, day: str) -> Line:
    """One result of a costs page: its line item is `model, kind` where it is about tokens."""
    amount = row.get("amount") or {}
    if not isinstance(amount, Mapping):
        amount = {"value": amount}
    _check_usd(amount.get("currency", row.get("amount_currency")))
    value = amount.get("value", row.get("amount_value"))
    model, _, _ = str(row.get("line_item") or NO_MODEL).partition(", ")
    bucket = str(row.get("api_key_id") or row.get("project_id") or "")
    return line(day, model, nanos=nanos_of(value), bucket=bucket)


def anthropic_usage(row: Row, day: str) -> Line:
    """One result of a usage report, or row of the console's CSV."""
    made = row.get("cache_creation") or {}
    names = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    written = sum(count_of(made.get(name)) for name in names)
    if not made:
        csv_names = ("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")
        written = sum(count_of(row.get(name)) for name in csv_names)
    tokens = {
        INPUT: count_of(row.get("uncached_input_tokens", row.get("usage_input_tokens_no_cache"))),
        READ: count_of(
            row.get("cache_read_input_tokens", row.get("usage_input_tokens_cache_read"))
        ),
        WRITE: written,
        OUTPUT: count_of(row.get("output_tokens", row.get("usage_output_tokens"))),
    }
    bucket = row.get("api_key_id") or row.get("api_key") or row.get("workspace_id")
    model = row.get("model") or row.get("model_version") or NO_MODEL
    requests = count_of(row.get("requests"))
    return line(day, model, tokens, requests=requests, bucket=str(bucket or ""))


def anthropic_cost(row: Row, day: str) -> Line:
    """One result of a cost report: cents, after discounts."""
    _check_usd(row.get("currency"))
    bucket = str(row.get("workspace_id") or "")
    cost = nanos_of(row.get("amount"), per_dollar=CENTS)
    return line(day, row.get("model") or NO_MODEL, nanos=cost, bucket=bucket)


def _check_usd(currency: object) -> None:
    """Raises `ReconcileError` for an amount that is no dollars."""
    if currency and str(currency).upper() != "USD":
        raise ReconcileError(f"the bill is in {str(currency)[:40]}, not in USD")


def openrouter_activity(row: Row) -> Line:
    """One item of the activity: what an endpoint did on a day."""
    tokens = {
        INPUT: count_of(row.get("prompt_tokens")),
        OUTPUT: count_of(row.get("completion_tokens")),
    }
    return line(
        day_of(row["date"]),
        str(row.get("model_permaslug") or row.get("model") or NO_MODEL),
        tokens,
        nanos=nanos_of(row.get("usage")),
        requests=count_of(row.get("requests")),
        bucket=str(row.get("endpoint_id") or ""),
    )


def openrouter_generation(row: Row) -> Line:
    """One generation of the page's CSV."""
    read = count_of(row.get("tokens_cached"))
    tokens = {
        INPUT: max(count_of(row.get("tokens_prompt")) - read, 0),
        READ: read,
        OUTPUT: count_of(row.get("tokens_completion")),
    }
    return line(
        day_of(row["created_at"]),
        str(row.get("model_permaslug") or NO_MODEL),
        tokens,
        nanos=nanos_of(row.get("cost_total")),
        requests=1,
        bucket=str(row.get("api_key_name") or ""),
    )


def xai_usage(answer: Row) -> Iterator[Line]:
    """The series of a usage answer that is grouped by description: dollars by day."""
    for series in answer.get("timeSeries") or ():
        yield from _xai_series(series)


def _xai_series(series: Row) -> Iterator[Line]:
    labels = series.get("groupLabels") or series.get("group") or (NO_MODEL,)
    for point in series.get("dataPoints") or ():
        usd = nanos_of((point.get("values") or (0,))[0])
        if usd:
            yield line(day_of(point["timestamp"]), str(labels[0]), nanos=usd)


def bucketed(bucket: Row) -> Iterator[Line]:
    """The lines of one bucket of a page of OpenAI's or Anthropic's."""
    day = day_of(bucket.get("start_time", bucket.get("starting_at")))
    for row in bucket.get("results") or ():
        told = str(row.get("object", ""))
        if told == "organization.costs.result":
            yield openai_cost(row, day)
        elif told.startswith("organization.usage."):
            yield openai_usage(row, day)
        elif "amount" in row:
            yield anthropic_cost(row, day)
        elif "uncached_input_tokens" in row:
            yield anthropic_usage(row, day)


def provider_of(bucket: Row) -> str:
    """Whose page it is."""
    return "openai" if "start_time" in bucket else "anthropic"
