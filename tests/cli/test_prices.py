"""`llmcap prices`: the book in its own exact digits, and what the config says instead."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcap.cli import main


def prices(*arguments: str) -> Any:
    """The command's JSON."""
    result = CliRunner().invoke(main, ["prices", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_one_model_of_one_provider_is_told_in_full() -> None:
    """Amounts are text as written, with what makes one, where they come from, and since when."""
    [price] = prices("anthropic/claude-opus-4-5")
    assert price["rates_usd"]["input"] == "5"
    assert price["rates_usd"]["cache_write"] == "6.25"
    assert price["per"]["input"] == 1_000_000
    assert price["per"]["web_search"] == 1_000
    assert price["source"]
    assert price["published"].startswith("https://")
    assert price["checked"]


def test_a_model_is_found_at_every_provider_that_names_it() -> None:
    """And not at those that serve just anything."""
    found = {price["provider"] for price in prices("claude-opus-4-5")}
    assert {"anthropic", "google-vertex"} <= found
    assert not {"local", "ollama"} & found


def test_a_provider_has_all_of_its_models() -> None:
    """By the provider's name alone."""
    models = [price["model"] for price in prices("anthropic")]
    assert len(models) > 5
    assert len(set(models)) == len(models)


def test_without_a_model_the_providers_are_listed() -> None:
    """With how many models each has."""
    listed = {row["provider"]: row["models"] for row in prices()}
    assert listed["openai"] > 50


def test_prices_of_the_config_win_and_say_so(tmp_path: Path) -> None:
    """A price that is the user's own is never passed off as the provider's."""
    config = tmp_path / "llmcap.yaml"
    config.write_text("prices:\n  openai/my-model: {input: 2.50, output: 10}\n")
    [price] = prices("openai/my-model", "--config", str(config))
    assert price["rates_usd"] == {"input": "2.50", "output": "10"}


def test_prices_of_the_users_own_config_need_no_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the proxy would bill is what is shown; a stranger's config tells no price."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMCAP_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    own = tmp_path / "settings" / "llmcap" / "llmcap.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("prices: {openai/my-model: {input: 2.50, output: 10}}\n")
    [price] = prices("openai/my-model")
    assert price["rates_usd"] == {"input": "2.50", "output": "10"}
    (tmp_path / "llmcap.yaml").write_text("prices: {openai/my-model: {input: 0, output: 0}}\n")
    [price] = prices("openai/my-model")
    assert price["rates_usd"] == {"input": "2.50", "output": "10"}


def test_an_older_time_has_the_older_price() -> None:
    """History keeps its meaning."""
    [then] = prices("xai/grok-code-fast-1", "--at", "2025-10-01")
    assert then["rates_usd"]["input"] == "0.2"


def test_people_get_one_unit_a_line() -> None:
    """And limits and sources below."""
    shown = CliRunner().invoke(main, ["prices", "anthropic/claude-opus-4-5"]).stdout
    assert shown.startswith("anthropic/claude-opus-4-5\n")
    assert "cache_write_1h" in shown
    assert "source: " in shown
