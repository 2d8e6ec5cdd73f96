"""`llmcap config`: the file, checked before a proxy is started with it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmcap.cli import main
from llmcap.config import resolve, yamldoc


def run(*arguments: str, code: int = 0):
    """The command's result."""
    result = CliRunner().invoke(main, ["config", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_a_good_config_is_told_budget_by_budget(tmp_path):
    """As they will be in force."""
    path = tmp_path / "c.yaml"
    path.write_text("budgets:\n- {name: each, cap: $5, every: day, per: project}\n")
    result = run("check", str(path))
    assert result.stdout == "each: $5.00 every day, per project\n"
    assert "is right" in result.stderr
    document = json.loads(run("check", str(path), "--json").stdout)
    assert document == {
        "file": str(path),
        "budgets": [{"name": "each", "means": "each: $5.00 every day, per project"}],
    }


def test_a_bad_config_names_its_place(tmp_path):
    """Exit code two, so that a CI job stops."""
    path = tmp_path / "c.yaml"
    path.write_text("budgets:\n- {name: each, cap: banana}\n")
    result = run("check", str(path), code=2)
    assert f"{path}:2: budgets.0.cap: 'banana'" in result.stderr
    assert result.stdout == ""


def test_a_downgrade_to_a_model_that_nobody_sells_is_told(tmp_path):
    """It would do nothing, and a misspelt name looks like any other."""
    path = tmp_path / "c.yaml"
    text = "budgets: [{{name: a, cap: 5, at: {{90%: {{downgrade: [{}, claude-haiku-4-5]}}}}}}]\n"
    path.write_text(text.format("claude-hiaku-4-5"))
    told = "a: no provider sells 'claude-hiaku-4-5': a downgrade to it does nothing"
    assert told in run("check", str(path)).stderr
    path.write_text(text.format("gpt-4o-mini"))
    assert "does nothing" not in run("check", str(path)).stderr


def test_a_config_without_budgets_is_right_and_caps_nothing(tmp_path):
    """Which is worth a word."""
    (tmp_path / "c.yaml").write_text("")
    assert "cap nothing" in run("check", str(tmp_path / "c.yaml")).stderr


def test_the_config_of_this_folder_is_found(tmp_path, monkeypatch):
    """The one that a proxy started here would use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMCAP_CONFIG", raising=False)
    (tmp_path / "llmcap.yaml").write_text("budgets: [{name: here, cap: 1}]")
    assert Path(run("path").stdout.strip()) == tmp_path / "llmcap.yaml"
    assert "here: $1.00 in all" in run("check").stdout


def test_no_config_is_a_message_with_the_next_step(tmp_path, monkeypatch):
    """It says where it has looked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMCAP_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    assert "llmcap config init" in run("path", code=2).stderr


def test_a_budget_of_a_provider_that_there_is_not_is_told(tmp_path):
    """It would count nothing; a host of the config's own is there, and so is what a glob fits."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "providers: [{host: llm.example.com, like: openai, name: Mine}]\nbudgets:\n"
        "- {name: typo, cap: 1, match: {provider: opnai}}\n"
        "- {name: right, cap: 1, match: {provider: [OpenAI, mine, az*]}}\n"
    )
    said = run("check", str(path)).stderr
    assert "typo: there is no provider 'opnai', so it counts no call of one; is it openai" in said
    assert "right:" not in said


def test_the_schema_is_json():
    """For an editor, or to be checked in."""
    assert json.loads(run("schema").stdout)["title"] == "llmcap.yaml"


def test_a_first_config_is_written_once_and_is_right(tmp_path):
    """With the schema that it names."""
    path = tmp_path / "new" / "llmcap.yaml"
    run("init", str(path))
    policy = resolve(yamldoc.parse(path.read_text(), file="c"))
    assert [budget.name for budget in policy.budgets] == ["everything"]
    schema = path.with_name("llmcap.schema.json")
    assert f"$schema={schema.name}" in path.read_text()
    assert json.loads(schema.read_text())["type"] == "object"
    path.write_text("mine")
    assert "was left as it is" in run("init", str(path), code=2).stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize("command", ["check", "path", "schema", "init"])
def test_each_has_help(command):
    """What it prints, and its exit code."""
    assert run(command, "--help").stdout


def test_keys_that_are_not_there_are_told_and_nothing_of_them(tmp_path, monkeypatch):
    """The config is right: it is the place where it was checked that a command could not run in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REAL_KEY", "sk-proj-0123456789abcdef")
    path = tmp_path / "c.yaml"
    path.write_text(
        "keys: {openai: env:REAL_KEY, groq: env:NO_SUCH_KEY, xai: 'file:no-such-file',\n"
        "  mistral: 'command:false', aws-bedrock: 'aws:no-such-profile'}\n"
    )
    result = run("check", str(path))
    told = [line for line in result.stderr.splitlines() if "would not start from here" in line]
    assert ["groq" in told[0], "xai" in told[1], "no-such-profile" in told[2]] == [True] * 3
    assert len(told) == 3
    assert "0123456789" not in result.output
