"""The generator of the price book: what it makes of its sources, and what it never forgets."""

import importlib.util
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmcap.pricing.files import parse_yaml
from llmcap.tariffs import history, litellm_table, overlay

# Found, not imported: litellm takes seconds to import, and only its table is read.
for package in ("genai_prices", "litellm"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the generator reads the package {package}", allow_module_level=True)

from pricebook import emit, installed, models_dev  # noqa: E402
from pricebook.cli import main  # noqa: E402

PRICING = Path(__file__).resolve().parents[2] / "pricing"
DAY = "2026-11-20"


def entry(since: str | None, rate: str, **more: Any) -> dict[str, Any]:
    """One dated price of a model."""
    return {"since": since, "source": "test", "rates": {"input": Decimal(rate)}, **more}


def test_the_files_are_what_the_generator_makes(capsys: pytest.CaptureFixture[str]) -> None:
    """With the versions of the sources that the files name, `--check` finds nothing to do."""
    named = parse_yaml((PRICING / "openai.yaml").read_bytes(), "openai.yaml")["sources"]
    if named != (found := installed.versions()):
        pytest.skip(f"the files were made from {named}, installed are {found}")
    assert main(PRICING, ["--check"]) == 0, capsys.readouterr().out


def test_a_yaml_file_reads_back_as_it_was_made() -> None:
    """Amounts keep their digits, and nothing becomes a float or a date."""
    made = {"models": {"one": {"prices": [entry("2026-03-13", "0.10", hours="16:30-00:30")]}}}
    read = parse_yaml(emit.to_yaml(made), "x")
    assert read["models"]["one"]["prices"] == [
        {
            "since": "2026-03-13",
            "source": "test",
            "rates": {"input": "0.1"},
            "hours": "16:30-00:30",
        }
    ]


# --- history --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([entry(None, "1")], [entry(None, "1")], [(None, "1")], id="unchanged"),
        pytest.param(
            [entry(None, "1")], [entry(None, "2")], [(None, "1"), (DAY, "2")], id="edited in place"
        ),
        pytest.param(
            [entry(None, "1")],
            [entry(None, "1"), entry("2026-10-01", "2")],
            [(None, "1"), ("2026-10-01", "2")],
            id="dated by the source",
        ),
        pytest.param(
            [entry(None, "1"), entry("2026-05-01", "2")],
            [entry(None, "2")],
            [(None, "1"), ("2026-05-01", "2")],
            id="the source forgot the past",
        ),
        pytest.param(
            [entry(None, "1"), entry("2026-05-01", "2")],
            [entry(None, "3")],
            [(None, "1"), ("2026-05-01", "2"), (DAY, "3")],
            id="changed again",
        ),
        pytest.param(
            [entry(None, "1"), entry(DAY, "2")],
            [entry(None, "3")],
            [(None, "1"), (DAY, "3")],
            id="changed twice in a day",
        ),
    ],
)
def test_a_change_never_re_prices_the_past(
    old: list[dict[str, Any]], new: list[dict[str, Any]], expected: list[tuple[str | None, str]]
) -> None:
    """What the book said of an earlier day stays; what is new begins today or when it says."""
    joined = history.joined(old, new, DAY)
    assert [(each["since"], str(each["rates"]["input"])) for each in joined] == expected
    assert history.joined(joined, new, "2026-12-01") == joined, "a second run changes nothing"


def test_what_is_to_come_is_what_the_sources_say_now() -> None:
    """A rise that was put off, or became another, was billed to nobody."""
    old = [entry(None, "1"), entry("2027-01-01", "3")]
    new = [entry(None, "1"), entry("2027-02-01", "2")]
    assert history.joined(old, new, DAY) == new
    assert history.joined(old, [entry(None, "1")], DAY) == [entry(None, "1")]


def test_limits_that_left_the_sources_stay() -> None:
    """A model that nobody bounds any more is bounded as it was."""
    old = {"models": {"one": {"max_output": 9, "limits": "x", "prices": [entry(None, "1")]}}}
    made: dict[str, Any] = {"models": {"one": {"aliases": [], "prices": [entry(None, "1")]}}}
    history.keep(old, made, today=DAY)
    assert made["models"]["one"]["max_output"] == 9


def test_a_unit_that_nobody_knew_before_holds_for_the_past_too() -> None:
    """Nothing was billed by it; a token's price that is new begins today."""
    old, new = entry(None, "1"), entry(None, "1")
    new["rates"] |= {"cache_storage": 4}
    (told,) = history.joined([old], [new], DAY)
    assert told["rates"] == {"input": Decimal(1), "cache_storage": 4}
    new["rates"] |= {"cache_read": 2}
    assert [each["since"] for each in history.joined([old], [new], DAY)] == [None, DAY]


def test_a_model_that_left_the_sources_keeps_its_price() -> None:
    """Calls of last year are still asked about."""
    old = {"models": {"gone": {"prices": [entry(None, "1")]}}}
    made: dict[str, Any] = {"models": {}}
    history.keep(old, made, today=DAY)
    assert made["models"]["gone"] == old["models"]["gone"]


# --- litellm's table ------------------------------------------------------------------------


def test_a_key_of_litellm_is_a_unit_a_tier_and_a_term() -> None:
    """`cache_read_input_token_cost_above_272k_tokens_priority` says all three."""
    price = litellm_table.price(
        {
            "litellm_provider": "openai",
            "mode": "chat",
            "input_cost_per_token": Decimal("2e-6"),
            "output_cost_per_token_above_272k_tokens": Decimal("3e-5"),
            "cache_creation_input_token_cost_above_1hr": Decimal("4e-6"),
            "input_cost_per_token_batches": Decimal("1e-6"),
            "input_cost_per_token_above_272k_tokens_priority": Decimal("8e-6"),
            "input_cost_per_token_priority": Decimal("4e-6"),
            "search_context_cost_per_query": {"search_context_size_low": Decimal("0.01")},
            "provider_specific_entry": {"us": Decimal("1.1"), "fast": 2},
        }
    )
    assert price == {
        "rates": {"input": 2, "cache_write_1h": 4, "web_search": 10},
        "tiers": [{"above": 272_000, "rates": {"output": 30}}],
        "variants": {
            "batch": {"rates": {"input": 1}},
            "priority": {
                "rates": {"input": 4},
                "tiers": [{"above": 272_000, "rates": {"input": 8}}],
            },
            "geo-us": {"factor": Decimal("1.1"), "unasked": True},
            "fast": {"factor": 2},
        },
    }


def test_zero_in_litellm_is_not_a_price() -> None:
    """The table writes zero where it knows nothing; the book then has no entry."""
    fields = {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": Decimal(0)}
    assert litellm_table.price(fields) == {}


# --- the overlay ----------------------------------------------------------------------------


def test_an_overlay_dates_a_change_within_a_history_of_hours() -> None:
    """Night and day both get the new fee, from its day on and in what follows."""
    model = {
        "aliases": [],
        "prices": [
            entry(None, "1"),
            entry("2026-05-01", "2"),
            entry("2026-05-01", "4", hours="01:00-04:00"),
            entry("2026-12-01", "3"),
        ],
    }
    change = {"since": "2026-10-17", "source": "page", "rates": {"web_search": Decimal("0.75")}}
    made = overlay.patched(model, {"changes": [change]}, "one")
    told = [
        (
            each["since"],
            each.get("hours"),
            str(each["rates"]["input"]),
            "web_search" in each["rates"],
        )
        for each in made["prices"]
    ]
    assert told == [
        (None, None, "1", False),
        ("2026-05-01", None, "2", False),
        ("2026-05-01", "01:00-04:00", "4", False),
        ("2026-10-17", None, "2", True),
        ("2026-10-17", "01:00-04:00", "4", True),
        ("2026-12-01", None, "3", True),
    ]


def test_an_overlay_changes_the_price_that_begins_on_its_day() -> None:
    """And adds no second one for that day."""
    model = {"aliases": [], "prices": [entry(None, "1"), entry("2027-01-01", "2")]}
    change = {"since": "2027-01-01", "source": "page", "rates": {"cache_storage": 1}}
    patch = {"source": "page", "rates": {"cache_storage": Decimal("0.5")}, "changes": [change]}
    told = [
        (each["since"], str(each["rates"]["input"]), str(each["rates"]["cache_storage"]))
        for each in overlay.patched(model, patch, "one")["prices"]
    ]
    assert told == [(None, "1", "0.5"), ("2027-01-01", "2", "1")]


def test_an_overlay_ends_what_the_sources_only_leave_out() -> None:
    """From its day on, and until then it holds."""
    model = {"aliases": [], "prices": [entry(None, "1", variants={"flex": {"factor": 1}})]}
    change = {"since": "2026-12-01", "source": "page", "ended": ["flex"]}
    first, later = overlay.patched(model, {"changes": [change]}, "one")["prices"]
    assert "flex" in first["variants"]
    assert later["variants"] == {}
    assert later["ended"] == ["flex"]


def test_every_overlay_belongs_to_a_provider() -> None:
    """A misspelt file would silently correct nothing."""
    known = {*installed.sources(PRICING).providers(), "providers", "seen"}
    assert {path.stem for path in (PRICING / "overlay").glob("*.yaml")} <= known


# --- models.dev -----------------------------------------------------------------------------

ONE = {"last_updated": "2026-06-01", "limit": {"context": 1000, "output": 100}}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cost": {"input": 0, "output": 0}},
        {"cost": {"input": 1, "output": 0}},
        {"cost": {"input": 1, "output": 2, "image": 3}},
        {"cost": {"input": 1, "output": 2}, "modalities": {"output": ["text", "image"]}},
    ],
)
def test_models_dev_prices_only_chats_of_text(fields: dict[str, Any]) -> None:
    """Zero means unknown as often as free, and other units have no price there."""
    assert models_dev.entry(ONE | fields) is None


def test_an_overlay_of_models_dev_is_one_of_ours(tmp_path: Path) -> None:
    """What a model is takes its bounds along; of two sites' prices the dearer rates count."""
    files = {
        "models/lab/base.toml": "reasoning = true\n[limit]\ncontext = 1000\noutput = 100",
        "providers/siliconflow/models/lab/m.toml": (
            "base_model = 'lab/base'\n[cost]\ninput = 0.3\noutput = 1.2\ncache_input = 0.03"
        ),
        "providers/siliconflow-cn/models/lab/m.toml": "[cost]\ninput = 0.25\noutput = 1.22",
        "providers/poe/models/lab/m.toml": (
            "[limit]\ncontext = 9\noutput = 0\n[cost]\ninput = 1\noutput = 2\n"
            "[[cost.tiers]]\ninput = 2\noutput = 4\ntier = {type = 'context', size = 5}"
        ),
    }
    for name, text in files.items():
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = tmp_path / "overlay"
    made.mkdir()
    models_dev.main(tmp_path / "checkout", "2026-07-02", made)
    read = {
        vendor: parse_yaml((made / f"{vendor}.yaml").read_bytes(), vendor)["models"]
        for vendor in ("siliconflow", "poe")
    }
    assert read["siliconflow"] == {
        "lab/m": {
            "context_window": 1000,
            "max_output": 100,
            "reasons": True,
            "limits": "models.dev",
            "prices": [
                {
                    "since": None,
                    "source": "models.dev, 2026-07-02",
                    "rates": {"input": "0.3", "output": "1.22"},
                }
            ],
        }
    }
    (price,) = read["poe"]["m"]["prices"]
    assert price["tiers"] == [{"above": 5, "rates": {"input": 2, "output": 4}}]
    assert "max_output" not in read["poe"]["m"]
