"""The variables of the vendors' packages."""

from llmcap.keys.variables import _NAMES, variables
from llmcap.providers import provider_names


def test_every_vendor_that_is_named_is_one() -> None:
    """A name that is no provider's would never be asked for."""
    assert set(_NAMES) <= set(provider_names())


def test_a_vendor_without_a_row_has_the_usual_name() -> None:
    """The name of most, with what a shell allows in it."""
    assert variables("groq") == ("GROQ_API_KEY",)
    assert variables("302ai")[0].isidentifier() is False  # no package looks for such a name
    assert variables("nano-gpt") == ("NANO_GPT_API_KEY",)
