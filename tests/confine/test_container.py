"""Promise: what is printed for a container is what its engine reads. It runs in tests/e2e."""

from pathlib import Path

import pytest
import yaml

from llmcap.confine.container import Given, compose, named
from llmcap.words.errors import ConfigError

GIVEN = Given(Path("/t"), Path("/t/b.pem"), Path("/r"), {"A": 'say "$HOME"', "B": "a: b"})


@pytest.mark.parametrize("name", ["agent", "yes", "null", "7", "1.0", "a.b_c-d"])
def test_a_compose_file_has_the_name_as_text(name: str) -> None:
    """YAML has words that are no text; compose's schema wants text."""
    (service,) = yaml.safe_load(compose(name, GIVEN))["services"].items()
    assert service[0] == service[1]["container_name"] == name
    assert service[1]["network_mode"] == "none"
    assert service[1]["volumes"][0] == "/t:/llmcap:ro"
    assert service[1]["environment"] == {"A": 'say "$$HOME"', "B": "a: b"}


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "a$b", "é", "a\n"])
def test_a_name_that_no_engine_takes_is_refused(name: str) -> None:
    """With what it may be made of."""
    with pytest.raises(ConfigError, match="expected letters"):
        named(name)
