"""Promise: where a seller lists no limits of a model, those of the same model bound it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llmcap.bounds.parts import ALIKE_OUTPUT, ALIKE_WINDOW, most_read, most_written
from llmcap.pricing import PriceBook, alike
from llmcap.pricing.alike import Limits, listed, plain
from llmcap.pricing.files import COMPILED, find_folder, read_document

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anthropic/claude-3.5-sonnet", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"),
        ("gpt-4o-2024-08-06", "openai/GPT-4o"),
        ("Qwen/Qwen3-14B-FP8", "qwen/qwen3-14b:free"),
        ("meta.llama3-8b-instruct-v1:0", "llama3-8b-instruct"),
        ("models/gemini-2.0-flash", "gemini-2.0-flash-latest"),
    ],
)
def test_sellers_spell_one_model_in_many_ways(one: str, other: str) -> None:
    """Its maker, a region, a date and the kind of a copy are none of its name."""
    assert plain(one) == plain(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-5", "gpt-5-turbo-max"),
        ("gpt-4o", "gpt-4o:extended"),
        ("gpt-4o", "gpt-4o-mini"),
        ("deepseek-v3", "deepseek"),
        ("qwen3-14b", "qwen3-14b-instruct"),
        ("llama-3.1-70b", "llama-3.1-7b"),
    ],
)
def test_other_models_are_not_alike(one: str, other: str) -> None:
    """A part of a name proves nothing."""
    assert plain(one) != plain(other)


def row(window: int | None = None, output: int | None = None) -> dict[str, int | None]:
    """A model as a seller lists it."""
    return {"context_window": window, "max_output": output}


def test_of_weights_that_many_run_only_the_window_is_lent() -> None:
    """The largest: a seller's own limit of the answer says nothing of the next seller."""
    books = {
        "a": {"models": {"qwen3-14b": row(40_000, 4_000)}},
        "b": {"models": {"Qwen/Qwen3-14B": row(131_000, 8_000)}},
        "c": {"models": {"qwen3-14b": row()}},
    }
    assert listed(books) == {"qwen3-14b": Limits(131_000)}


def test_of_a_makers_own_model_its_limit_is_lent_too() -> None:
    """The most that is told; a limit as large as the window is none, and others prove nothing."""
    maker = {"models": {"gpt-5-x": row(400_000, 128_000), "gpt-5-y": row(400_000, 400_000)}}
    other = {"models": {"gpt-5-x": row(400_000, 4_096), "gpt-5-y": row(400_000, 4_096)}}
    found = listed({"openai": maker, "other": other})
    assert found == {"gpt-5-x": Limits(400_000, 128_000), "gpt-5-y": Limits(400_000)}
    assert listed({"other": other})["gpt-5-x"] == Limits(400_000)


def test_the_table_is_the_book_s() -> None:
    """`scripts/update_prices` writes it."""
    folder = find_folder()
    names = [path.stem for path in folder.glob("*.yaml") if path.name != "units.yaml"]
    made = listed({name: read_document(folder, name) for name in names})
    assert (folder / COMPILED / alike.FILE).read_text() == alike.to_json(made)
    assert len(made) > 1_000


def test_a_lent_limit_is_never_below_what_a_seller_lists_itself() -> None:
    """For every row of the book with limits of its own, what would be lent to it is enough."""
    folder = find_folder()
    known = alike.table(folder)
    for name in PriceBook().providers():
        for model, fields in read_document(folder, name)["models"].items():
            lent = known.get(plain(model), alike.NONE)
            assert (lent.window or 0) >= (fields.get("context_window") or 0), (name, model)


def test_a_model_without_limits_is_held_at_its_own_and_not_at_its_vendors() -> None:
    """A router that sells a model of ten million tokens holds others at what they can do."""
    book = PriceBook()
    price = book.find("vercel-gateway", "google/gemini-3-pro-preview", NOW)
    assert price is not None
    assert price.max_output is None
    assert most_written([price], "no limit") == (price.model_output, ALIKE_OUTPUT)
    assert most_read([price], "unseen", ()) == (price.model_window, ALIKE_WINDOW)
    assert (price.model_output or 0) < (price.vendor_output or 0)


def test_a_book_without_the_table_lends_nothing(tmp_path: Path) -> None:
    """Then the largest of the vendor's models stands in, as for a model that nobody else sells."""
    (tmp_path / "units.yaml").write_text((find_folder() / "units.yaml").read_text())
    models = {"m": {"prices": [{"since": None, "source": "x", "rates": {"input": 1, "output": 2}}]}}
    (tmp_path / "acme.yaml").write_text(json.dumps({"provider": "acme", "models": models}))
    price = PriceBook(tmp_path).find("acme", "m", NOW)
    assert price is not None
    assert (price.model_window, price.model_output) == (None, None)
