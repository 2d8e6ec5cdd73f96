"""The Grafana dashboard, made from a short table; `llmcap metrics grafana` writes it."""

from typing import Any

ASSUMED = (
    "sum(increase(llmcap_settled_calls_assumed_cost_usd_total[1d])) "
    "/ sum(increase(llmcap_cost_usd_total[1d]))"
)
PANELS = (
    ("Used of each cap", "bargauge", "llmcap_budget_used_ratio", "{{budget}}", "percentunit"),
    ("Spent a minute", "timeseries", "sum by (provider) (rate(llmcap_cost_usd_total[5m])) * 60",
     "{{provider}}", "currencyUSD"),
    ("Held by calls in flight", "timeseries", "llmcap_held_usd", "held", "currencyUSD"),
    ("Calls by how they ended", "timeseries", "sum by (state) (rate(llmcap_calls_total[5m]))",
     "{{state}}", "reqps"),
    ("Refused, by budget", "timeseries",
     "sum by (budget) (increase(llmcap_refused_calls_total[5m]))", "{{budget}}", "short"),
    ("Tokens a second", "timeseries", "sum by (kind) (rate(llmcap_tokens_total[5m]))", "{{kind}}",
     "short"),
    ("Share that is assumed", "stat", ASSUMED, "assumed", "percentunit"),
    ("Calls wait, 95 of 100 at most so long", "timeseries",
     "histogram_quantile(0.95, sum by (le) (rate(llmcap_wait_seconds_bucket[5m])))", "wait", "s"),
    ("Clamped and cut", "timeseries",
     "increase(llmcap_clamped_calls_total[5m]) + increase(llmcap_cut_calls_total[5m])",
     "calls", "short"),
    ("At the door, 99 of 100 at most so long", "timeseries",
     "histogram_quantile(0.99, sum by (le) (rate(llmcap_overhead_seconds_bucket[5m])))",
     "overhead", "s"),
    ("A step of the ledger, 99 of 100", "timeseries",
     "histogram_quantile(0.99, sum by (le, step) (rate(llmcap_ledger_seconds_bucket[5m])))",
     "{{step}}", "s"),
    ("Proxies", "stat", "llmcap_proxies", "proxies", "short"),
)  # fmt: skip
WIDTH, HEIGHT = 12, 8


def dashboard() -> dict[str, Any]:
    """The document that Grafana imports; its data source is asked for then."""
    return {
        "title": "LLMCap",
        "uid": "llmcap",
        "tags": ["llmcap"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus"}],
        },
        "panels": [
            {
                "id": number + 1,
                "title": title,
                "type": kind,
                "datasource": {"type": "prometheus", "uid": "${source}"},
                "gridPos": {
                    "h": HEIGHT, "w": WIDTH,
                    "x": number % 2 * WIDTH, "y": number // 2 * HEIGHT,
                },
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "targets": [{"refId": "A", "expr": expression, "legendFormat": legend}],
            }
            for number, (title, kind, expression, legend, unit) in enumerate(PANELS)
        ],
    }  # fmt: skip
