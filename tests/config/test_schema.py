"""What an editor is told of a config is what the check at start takes."""

import json

import pytest

from llmcap.config import SETTINGS, resolve, yamldoc
from llmcap.config.schema import json_schema
from llmcap.words.errors import ConfigError

jsonschema = pytest.importorskip("jsonschema", reason="the schema's own checker is not installed")

GOOD = (
    "",
    "timezone: Europe/Berlin\nhold: sliced\nrefusal_status: 402\nwait: 1.5\nunknown_models: refuse",
    "identify_processes: off",
    "breakers: true",
    "breakers: {burn: {above: $5, per: key}, repeats: true, errors: {share: 50%, calls: 9}}",
    "budgets: [{name: a, cap: 0.5, every: day, per: [project, user], match: {model: [a*, b]}}]",
    "budgets: [{name: a, cap: 9, at: {80%: warn, 90%: [{throttle: 2s}, {downgrade: m}]}}]",
    "budgets: [{name: a, cap: 9, every: day, at: {forecast 100%: warn}, allow: {port: '8'}}]",
    "alerts: {webhook: 'https://h/x', secret: s, events: [warning, exceeded]}",
    "prices: {openai/m: {input: 1, output: 2}}",
    "providers: [{host: llm.example.com, like: openai, prices: {m: {input: 1, output: 2}}}]",
    "providers: [{host: '*.example.com', like: anthropic, name: ours, prices: anthropic}]",
)
BAD = (
    "budget: []",
    "breakers: {burn: {abov: $5}}",
    "budgets: [{name: a}]",
    "budgets: [{name: a, cap: 1, evry: day}]",
    "budgets: [{name: a, cap: 1, at: {80: warn}}]",
    "budgets: [{name: a, cap: 1, at: {80%: shout}}]",
    "budgets: [{name: a, cap: 1, allow: {user: me}}]",
    "alerts: {webhook: 'https://h/x', events: won}",
    "min_output: -5",
    "providers: [{host: llm.example.com}]",
    "providers: {host: llm.example.com, like: openai}",
    "providers: [{host: llm.example.com, like: openai, price: openai}]",
    "trust_headers: authorization",
    "refusal_status: 200",
)


def plain(text: str):
    """The document as an editor sees it."""
    return json.loads(json.dumps(yamldoc.parse(text, file="c.yaml").plain or {}, default=float))


def test_the_schema_is_a_schema_and_has_every_setting() -> None:
    """Nothing can be set that an editor would mark as unknown."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == {*SETTINGS, "budgets", "providers", "timezone", "hold"}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_taken_is_valid(text: str) -> None:
    """No red line under a config that works."""
    resolve(yamldoc.parse(text, file="c.yaml"))
    jsonschema.validate(plain(text), json_schema())


@pytest.mark.parametrize("text", BAD)
def test_what_is_invalid_is_not_taken(text: str) -> None:
    """A mistake that the schema can tell is one for the check as well."""
    with pytest.raises(ConfigError):
        resolve(yamldoc.parse(text, file="c.yaml"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(text), json_schema())
