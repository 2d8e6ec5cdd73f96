"""Which vendors stop when their client goes is said of vendors that there are, and once."""

from llmcap.providers import PROVIDERS
from llmcap.providers.parts.leaving import GO_ON, STOP, STOP_STREAMS


def test_every_vendor_is_one_that_there_is() -> None:
    """A name that no provider has says nothing of anybody."""
    known = {provider.name for provider in PROVIDERS}
    assert {*STOP, *STOP_STREAMS, *GO_ON} <= known


def test_none_does_both() -> None:
    """It stops, or it goes on."""
    assert not GO_ON.keys() & (STOP.keys() | STOP_STREAMS.keys())
