"""Newer prices without a release: what is taken, what waits, and what changes nothing."""

import json
import ssl
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fake_provider.tls import write_certificates
from llmcap.cli import main
from llmcap.pricing import current_book
from llmcap.pricing.taken import read_taken, taken_path, write_taken
from llmcap.tariffs import reach
from llmcap.words.errors import PriceError
from llmcap.words.records import Price

from .served import Page, genai, model, serve

NOW = datetime.now(UTC)
TOMORROW = (NOW + timedelta(days=1)).date().isoformat()
LAST_WEEK = (NOW - timedelta(days=7)).date().isoformat()
SOL = {"input_mtok": 2, "output_mtok": 10, "cache_read_mtok": 0.1}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A source on loopback, and a data folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with serve() as served:
        yield served


def update(*arguments: str) -> Result:
    """Run `llmcap prices update`."""
    return CliRunner().invoke(main, ["prices", "update", *arguments])


def took(page: Page, document: Any, *arguments: str) -> str:
    """What the command says when the source serves this document and it may take what it may."""
    result = update("--from", page.says(document).url, "--yes", *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def found(name: str, at: datetime | None = None) -> Price:
    """The price in force of `provider/model`."""
    provider, _, rest = name.partition("/")
    price = current_book().find(provider, rest, at or datetime.now(UTC))
    assert price is not None, name
    return price


def known(**changes: Any) -> dict[str, Any]:
    """gpt-5.5-pro as the book has it, in the source's form, with some prices changed."""
    price = found("openai/gpt-5.5-pro")
    plain = {f"{unit}_mtok": float(price.rates[unit]) for unit in ("input", "output")}
    return {**plain, **changes}


# --- what is taken ---------------------------------------------------------------------------


def test_a_new_model_is_known_at_once(page: Page) -> None:
    """With its price, its vendor's fees and terms, at any time that somebody asks for."""
    said = took(page, genai("openai", model("gpt-6.2-sol", SOL, context_window=1_050_000)))
    assert "openai/gpt-6.2-sol: new: input $2, output $10, cache_read $0.1" in said
    price = found("openai/gpt-6.2-sol", NOW - timedelta(days=300))
    assert price.rates["input"] == 2
    assert price.rates["output"] == 10
    assert price.rates["web_search"] == 10
    assert price.context_window == 1_050_000
    assert price.variants["priority"].factor > 1


def test_a_rise_begins_now_and_leaves_the_past(page: Page) -> None:
    """A call of an hour ago costs what it cost; terms and fees are carried along."""
    before = found("openai/gpt-5.5-pro")
    dear = float(before.rates["output"]) * 1.5
    took(page, genai("openai", model("gpt-5.5-pro", known(output_mtok=dear))))
    after = found("openai/gpt-5.5-pro")
    assert after.rates["output"] == before.rates["output"] * Decimal("1.5")
    assert after.variants.keys() == before.variants.keys()
    assert found("openai/gpt-5.5-pro", NOW - timedelta(hours=1)).rates == before.rates


def test_a_dated_rise_waits_for_its_day(page: Page) -> None:
    """Announced today, billed from the day that it names on, in every tier."""
    before = found("openai/gpt-5.5-pro")
    dear = known(output_mtok=float(before.rates["output"]) * 2)
    prices = [{"prices": known()}, {"constraint": {"start_date": TOMORROW}, "prices": dear}]
    assert TOMORROW in took(page, genai("openai", model("gpt-5.5-pro", prices)))
    assert found("openai/gpt-5.5-pro").rates == before.rates
    later = found("openai/gpt-5.5-pro", NOW + timedelta(days=3))
    assert later.rates["output"] == before.rates["output"] * 2
    assert later.variants["batch"].rates.get("output", 0) * 2 <= later.rates["output"] * 2


def test_the_same_again_changes_nothing(page: Page) -> None:
    """A second update of the same data writes nothing."""
    document = genai("openai", model("gpt-6.2-sol", SOL))
    took(page, document)
    content = taken_path().read_bytes()
    assert "Nothing is taken" in took(page, document)
    assert taken_path().read_bytes() == content


def test_a_model_that_left_the_source_keeps_its_price(page: Page) -> None:
    """It is told, and still found."""
    before = found("openai/gpt-5")
    assert "left the sources and keep their prices" in took(
        page, genai("openai", model("gpt-6.2-sol", SOL))
    )
    assert found("openai/gpt-5") == before


def test_nothing_is_taken_without_a_word(page: Page) -> None:
    """The difference is shown first."""
    result = update("--from", page.says(genai("openai", model("gpt-6.2-sol", SOL))).url)
    assert "openai/gpt-6.2-sol: new" in result.output
    assert "Nothing was taken" in result.output
    assert not taken_path().exists()


def test_reset_goes_back_to_the_release(page: Page) -> None:
    """For one model, and for all."""
    took(page, genai("openai", model("gpt-6.2-sol", SOL), model("gpt-6.2-astra", SOL)))
    runner = CliRunner()
    assert runner.invoke(main, ["prices", "reset", "openai/gpt-6.2-sol"]).exit_code == 0
    assert current_book().find("openai", "gpt-6.2-sol", NOW) is None
    assert found("openai/gpt-6.2-astra").rates
    assert runner.invoke(main, ["prices", "reset"]).exit_code == 0
    assert current_book().find("openai", "gpt-6.2-astra", NOW) is None
    assert not taken_path().exists()


# --- what waits ------------------------------------------------------------------------------


def test_nothing_gets_cheaper_in_silence(page: Page) -> None:
    """A cut is shown, and taken only with --accept-cuts."""
    before = found("openai/gpt-5.5-pro").rates["output"]
    document = genai("openai", model("gpt-5.5-pro", known(output_mtok=float(before) / 2)))
    assert "Cheaper: waits for --accept-cuts" in took(page, document)
    assert found("openai/gpt-5.5-pro").rates["output"] == before
    took(page, document, "--accept-cuts")
    assert found("openai/gpt-5.5-pro").rates["output"] == before / 2


def test_of_a_rise_with_a_cut_the_rise_is_taken(page: Page) -> None:
    """Each amount is the dearer of both until a person accepts the rest."""
    price = found("openai/gpt-5.5-pro")
    document = genai(
        "openai",
        model(
            "gpt-5.5-pro",
            known(
                input_mtok=float(price.rates["input"]) * 2,
                output_mtok=float(price.rates["output"]) / 2,
            ),
        ),
    )
    assert "Dearer in part" in took(page, document)
    after = found("openai/gpt-5.5-pro")
    assert after.rates["input"] == price.rates["input"] * 2
    assert after.rates["output"] == price.rates["output"]
    assert "Nothing is taken" in took(page, document)


@pytest.mark.parametrize("times", [500, 0.001, 4.1, 0.2])
def test_a_price_that_is_far_away_waits_for_a_person(page: Page, times: float) -> None:
    """Thousandfold, or a thousandth: not even with --accept-cuts, but by its name."""
    before = found("openai/gpt-5.5-pro").rates["output"]
    document = genai("openai", model("gpt-5.5-pro", known(output_mtok=float(before) * times)))
    said = took(page, document, "--accept-cuts")
    assert "by more than 4 times" in said
    assert found("openai/gpt-5.5-pro").rates["output"] == before
    took(page, document, "--accept", "openai/gpt-5.5-pro")
    assert float(found("openai/gpt-5.5-pro").rates["output"]) == pytest.approx(
        float(before) * times
    )


def test_a_change_that_is_dated_back_waits_for_a_person(page: Page) -> None:
    """And begins now even then: the past is nobody's to change."""
    before = found("openai/gpt-5.5-pro")
    dear = known(output_mtok=float(before.rates["output"]) * 2)
    prices = [{"prices": known()}, {"constraint": {"start_date": LAST_WEEK}, "prices": dear}]
    document = genai("openai", model("gpt-5.5-pro", prices))
    assert f"it is dated back to {LAST_WEEK}" in took(page, document)
    took(page, document, "--accept", "openai/gpt-5.5-pro")
    assert found("openai/gpt-5.5-pro").rates["output"] == before.rates["output"] * 2
    assert found("openai/gpt-5.5-pro", NOW - timedelta(days=3)).rates == before.rates


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ({"input_mtok": 0, "output_mtok": 0}, "cost nothing"),
        ({"input_mtok": 0, "output_mtok": 10}, "its input is said to cost nothing"),
        ({"input_mtok": 2, "output_mtok": 0}, "its output is said to cost nothing"),
        ({"input_mtok": 0.000001, "output_mtok": 10}, "far from all that openai asks"),
        ({"input_mtok": 99_000, "output_mtok": 10}, "far from all that openai asks"),
        ({"input_mtok": 10**9, "output_mtok": 10}, "above $100,000"),
    ],
)
def test_a_new_model_at_a_price_that_nobody_asks_waits(page: Page, prices: Any, why: str) -> None:
    """What is nearly free would make its cap worth nothing."""
    assert why in took(page, genai("openai", model("gpt-9", prices)))
    assert current_book().find("openai", "gpt-9", NOW) is None


def test_of_two_sources_that_disagree_the_dearer_counts(page: Page, tmp_path: Path) -> None:
    """And it is said that they do."""
    before = found("openai/gpt-5.5-pro").rates
    file = tmp_path / "litellm.json"
    per_token = float(before["output"]) * 2 / 1e6
    entry = {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": float(before["input"]) / 1e6,
        "output_cost_per_token": per_token,
    }
    file.write_text(json.dumps({"gpt-5.5-pro": entry}))
    dear = known(output_mtok=float(before["output"]) * 1.5)
    document = genai("openai", model("gpt-5.5-pro", dear))
    assert "two sources disagree about output" in took(page, document, "--from", str(file))
    assert found("openai/gpt-5.5-pro").rates["output"] == before["output"] * 2


def test_a_list_in_which_everything_changes_is_not_believed(page: Page) -> None:
    """Prices in another currency, say: sixty models that rise at once."""
    book = current_book()
    models = []
    for name in book.models("openai"):
        price = book.find("openai", name, NOW)
        if price is not None and price.rates.get("input") and price.source.startswith("genai"):
            twice = {"input_mtok": float(price.rates["input"]) * 2}
            twice["output_mtok"] = float(price.rates.get("output", 1)) * 2
            models.append(model(name, twice))
    result = update("--from", page.says(genai("openai", *models)).url, "--yes")
    assert result.exit_code == 2
    assert "would change at once" in result.output
    assert not taken_path().exists()


# --- what changes nothing --------------------------------------------------------------------


UNREADABLE = (
    b'{"gpt-4o": {"litellm_provider": 1},'
    b' "x": {"litellm_provider": "openai", "input_cost_per_token": 1e999999999}}'
)
GOOD = json.dumps(genai("openai", model("gpt-6.2-sol", SOL))).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not JSON"),
        (b"<html>Sign in to the hotel's network</html>", "it is not JSON"),
        (GOOD[: len(GOOD) // 2], "it is not JSON"),
        (b"null", "no prices in a form that is known"),
        (b"{}", "no prices in a form that is known"),
        (b'{"model": "gpt-4o"}', "no prices in a form that is known"),
        (b'[{"id": "openai", "models": "none"}]', "no list of providers"),
        (b'[{"id": "x", "models": [{"id": "y"}], "z": NaN}]', "NaN is no amount"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "lists no model"),
        (UNREADABLE, "lists no model"),
        (b'[{"id": "openai", "models": [{"id": "a", "id": "b"}]}]', "'id' stands there twice"),
        (
            json.dumps(genai("openai", *[model(f"m{n}", SOL) for n in range(20_001)])).encode(),
            "so many there are not",
        ),
    ],
    ids=["nothing", "html", "half", "null", "empty", "other", "shape", "nan", "deep", "no model",
         "no amount", "twice", "many"],
)  # fmt: skip
def test_what_is_no_list_of_prices_changes_nothing(page: Page, content: bytes, said: str) -> None:
    """One sentence, exit code 2, and the prices as they were."""
    result = update("--from", page.says(content).url, "--yes")
    assert result.exit_code == 2
    assert said in result.output
    assert page.url in result.output or said.startswith("no ")
    assert not taken_path().exists()


def test_a_price_in_another_currency_is_left_out(page: Page, tmp_path: Path) -> None:
    """Euros are no dollars; the model beside it is taken."""
    entry = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-6,
             "output_cost_per_token": 8e-6}  # fmt: skip
    said = took(page, {"gpt-8": {**entry, "currency": "EUR"}, "gpt-9": entry})
    assert "gpt-9: new" in said
    assert "gpt-8" not in said


def test_what_was_taken_meanwhile_is_not_put_back(page: Page, tmp_path: Path) -> None:
    """A person who looks at a proposal for an hour does not undo the update of the day."""
    other = tmp_path / "own.json"
    other.write_text(json.dumps({"openai/gpt-9-own": {"input": 2, "output": 8}}))

    def meanwhile() -> None:
        page.meanwhile = lambda: None
        assert update("--from", str(other), "--yes").exit_code == 0

    page.meanwhile = meanwhile
    took(page, genai("openai", model("gpt-6.2-sol", SOL)))
    assert found("openai/gpt-6.2-sol").rates["output"] == 10
    assert found("openai/gpt-9-own").rates["output"] == 8


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_update_says_what_it_has_written(
    page: Page, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Nothing, where another has taken all of it since it looked."""
    document = genai("openai", model("gpt-6.2-sol", SOL))
    other = tmp_path / "same.json"
    other.write_text(json.dumps(document))

    def meanwhile() -> None:
        page.meanwhile = lambda: None
        assert "Taken: 1 change" in update("--from", str(other), "--yes").output

    page.meanwhile = meanwhile
    said = took(page, document, *options)
    if options:
        assert json.loads(said)["taken"] is False
    else:
        assert "Nothing is left to take" in said
        assert "Taken:" not in said


def test_where_prices_cannot_be_kept_is_said(page: Page, tmp_path: Path) -> None:
    """In one sentence with the place, and nothing changes."""
    (tmp_path / "data" / "llmcap" / "prices.json.lock").mkdir(parents=True)  # root writes anywhere
    result = update("--from", page.says(genai("openai", model("gpt-9", SOL))).url, "--yes")
    assert result.exit_code == 2
    assert "newer prices cannot be kept there, those before stay in force" in result.output


def test_names_that_are_none_are_refused(page: Page) -> None:
    """A path, a control character, a novel; the models beside them are taken."""
    names = ["../../etc/passwd", "a/../../b", "/etc/passwd", "x\x1b[2J", "m" * 201, "a\nb"]
    said = took(page, genai("openai", *[model(each, SOL) for each in names], model("gpt-7", SOL)))
    assert said.count("this is no name of a model") == len(names)
    assert found("openai/gpt-7").rates
    taken = read_taken(taken_path())
    assert taken is not None
    assert taken.names() == {"openai/gpt-7"}


@pytest.mark.parametrize(
    "prices",
    [
        {"input_mtok": -1, "output_mtok": 10},
        {"input_mtok": "much", "output_mtok": 10},
        {"some_new_unit": 1, "output_mtok": 10},
        {"input_mtok": {"base": 1}, "output_mtok": 10},
        [{"constraint": {"start_date": "soon"}, "prices": SOL}],
        "free",
        None,
    ],
)
def test_a_model_whose_price_cannot_be_read_is_left_out(page: Page, prices: Any) -> None:
    """It is unknown, as before: never half known. Its neighbours are taken."""
    took(page, genai("openai", model("gpt-8", prices), model("gpt-7", SOL)))
    assert current_book().find("openai", "gpt-8", NOW) is None
    assert found("openai/gpt-7").rates


def test_a_pattern_that_takes_for_ever_is_not_tried(page: Page) -> None:
    """A source's own expressions are run on ids."""
    slow = {"id": "slow", "match": {"regex": "^(a+)+$"}, "prices": SOL}
    took(page, genai("openai", slow, model("gpt-7", SOL)))
    assert found("openai/gpt-7").rates


def test_a_server_that_is_slow_is_not_waited_for(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte at a time is no way to keep an update from ending."""
    page.says(GOOD).pause_seconds = 0.05
    with pytest.raises(PriceError, match=r"did not arrive within 0 seconds"):
        reach.fetch(page.url, seconds=0.3)
    monkeypatch.setattr(reach, "SILENT_SECONDS_MAX", 0.2)
    page.pause_seconds = 5
    with pytest.raises(PriceError, match=r"says nothing|cannot be reached"):
        reach.fetch(page.url)


def test_a_source_that_breaks_off_is_noticed(page: Page) -> None:
    """Although what came is a whole document."""
    page.says(GOOD).told = len(GOOD) + 100
    assert "broke off" in update("--from", page.url, "--yes").output
    assert not taken_path().exists()


@pytest.mark.parametrize("status", [404, 503])
def test_a_source_that_answers_with_an_error_is_named(page: Page, status: int) -> None:
    """With its status."""
    page.says(GOOD).status = status
    assert f"it answers {status}" in update("--from", page.url, "--yes").output


def test_a_source_that_is_down_is_named(page: Page) -> None:
    """And one that is far away is not asked in clear text, directly or by a detour."""
    assert "cannot be reached" in update("--from", "http://127.0.0.1:9/x", "--yes").output
    assert "over https only" in update("--from", "http://prices.example/x", "--yes").output
    page.status, page.location = 302, "http://prices.example/x"
    assert "over https only" in update("--from", page.url, "--yes").output
    assert "it cannot be read" in update("--from", "/nowhere.json", "--yes").output


def test_a_certificate_that_does_not_fit_is_not_trusted(page: Page, tmp_path: Path) -> None:
    """Nobody on the way can set prices."""
    _, pem = write_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    with serve(context) as secret:
        result = update("--from", secret.says(GOOD).url, "--yes")
    assert result.exit_code == 2
    assert "CERTIFICATE_VERIFY_FAILED" in result.output
    assert not taken_path().exists()


def test_one_bad_source_of_two_changes_nothing(page: Page, tmp_path: Path) -> None:
    """Half of the news may be the wrong half."""
    file = tmp_path / "good.json"
    file.write_bytes(GOOD)
    assert update("--from", str(file), "--from", page.says(b"x").url, "--yes").exit_code == 2
    assert not taken_path().exists()


# --- the wheel -------------------------------------------------------------------------------


def wheel(path: Path, text: str) -> Path:
    """A wheel of genai-prices with this data."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("genai_prices/data.py", text)
    return path


DATA = """
from decimal import Decimal
from .types import *
providers: list[Provider] = [
    Provider(id='openai', name='OpenAI', models=[
        ModelInfo(id='gpt-6.2-sol', match=ClauseOr(or_=[ClauseEquals(equals='gpt-6.2-sol')]),
                  prices=ModelPrice(input_mtok=Decimal('2'), output_mtok=Decimal('10')))])]
"""


def test_a_wheel_is_read_and_never_run(page: Page, tmp_path: Path) -> None:
    """Its data is parsed; a call of anything else refuses the whole."""
    assert not page.content
    good = wheel(tmp_path / "genai_prices-9.9.9-py3-none-any.whl", DATA)
    assert "(9.9.9)" in update("--from", str(good), "--yes").output
    assert found("openai/gpt-6.2-sol").rates["output"] == 10
    proof = tmp_path / "ran"
    bad = DATA.replace("Decimal('2')", f"__import__('pathlib').Path({str(proof)!r}).touch()")
    evil = wheel(tmp_path / "genai_prices-9.9.10-py3-none-any.whl", bad)
    result = update("--from", str(evil), "--yes")
    assert result.exit_code == 2
    assert "is no plain record" in result.output
    assert not proof.exists()


# --- the file of what was taken --------------------------------------------------------------


def test_a_file_that_somebody_changed_is_not_used(page: Page) -> None:
    """Neither half of it nor another price; the message names the way back."""
    took(page, genai("openai", model("gpt-6.2-sol", SOL)))
    whole = taken_path().read_text()
    for broken in (whole[:-40], whole.replace('"output": 10', '"output": 1'), "[]", ""):
        taken_path().write_text(broken)
        with pytest.raises(PriceError, match="llmcap prices reset"):
            current_book()
    taken_path().write_text(whole)
    assert found("openai/gpt-6.2-sol").rates


def test_a_book_that_was_checked_since_knows_better(page: Page) -> None:
    """After a new release its own prices count, but for models that it does not have."""
    before = found("openai/gpt-5.5-pro").rates["output"]
    dear = known(output_mtok=float(before) * 2)
    took(page, genai("openai", model("gpt-5.5-pro", dear), model("gpt-6.2-sol", SOL)))
    taken = read_taken(taken_path())
    assert taken is not None
    for entry in taken.models["openai"].values():
        entry["taken"] = "2020-01-01T00:00:00+00:00"
    write_taken(taken_path(), taken)
    assert found("openai/gpt-5.5-pro").rates["output"] == before
    assert found("openai/gpt-6.2-sol").rates["output"] == 10


def test_prices_in_the_form_of_the_config_may_be_taken(page: Page, tmp_path: Path) -> None:
    """A price list of the user's own, for a provider that the book has."""
    file = tmp_path / "mine.yaml"
    file.write_text("openai/gpt-6.2-sol: {input: 2, output: 10.50}\n")
    assert not page.content
    assert update("--from", str(file), "--yes").exit_code == 0
    assert found("openai/gpt-6.2-sol").rates["output"] == Decimal("10.50")
    file.write_text("nobody/gpt: {input: 2, output: 10}\n")
    assert "no such provider" in update("--from", str(file), "--yes").output


@pytest.mark.parametrize("form", ["{%s}", "%s"])
def test_a_price_that_stands_twice_in_a_list_of_ones_own_is_not_taken(
    form: str, tmp_path: Path
) -> None:
    """As JSON under the name of YAML, and as YAML: of both the last would count, and be cheaper."""
    file = tmp_path / "mine.yaml"
    file.write_text(form % '"openai/gpt-6.2-sol": {"input": 9, "input": 1, "output": 10}')
    result = update("--from", str(file), "--yes")
    assert result.exit_code == 2
    assert "'input' stands there twice" in result.output
    assert not taken_path().exists()
