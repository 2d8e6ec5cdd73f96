"""The JSON schema of a config, for editors; made from the tables that read it."""

from llmcap.config.budgets import SCHEMA as BUDGETS
from llmcap.config.hosts import SCHEMA as HOSTS
from llmcap.config.readers import Schema
from llmcap.config.settings import HOLD, SETTINGS, TIMEZONE

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Schema:
    """One object with every setting, closed: what is not in it is a mistake."""
    properties = {
        "budgets": {
            "description": "The caps. A call must fit every one it falls under.",
            **BUDGETS,
        },
        "providers": HOSTS,
        "timezone": TIMEZONE.schema,
        "hold": HOLD.schema,
        **{name: kind.schema for name, (_, kind) in SETTINGS.items()},
    }
    return {
        "$schema": DRAFT,
        "title": "llmcap.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
