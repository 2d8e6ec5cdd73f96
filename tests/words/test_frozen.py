"""Records that are frozen for the type checker, and cheap to make."""

from dataclasses import astuple, fields, replace

from llmcap.providers.parts.shape import Ask
from llmcap.words.usage import Charge, Reading, Usage


def test_records_with_the_same_values_are_the_same_key() -> None:
    """As with a frozen dataclass: memories and caches have them for keys."""
    one, other = (Charge("gpt-4o", Usage(3, 4, extras=_Fees()), ("batch",)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert {one: "known"}[other] == "known"
    assert replace(other, model="gpt-4o-mini") != one
    assert astuple(one.usage)[:2] == (3, 4)


def test_records_have_no_place_for_anything_else() -> None:
    """Slots: a name that is misspelt is an error, and a million of them are small."""
    for record in (Usage(), Reading(), Ask("gpt-4o"), Charge("gpt-4o", Usage())):
        assert not hasattr(record, "__dict__")
        assert [each.name for each in fields(record)] == list(type(record).__slots__)


class _Fees(dict[str, int]):
    """A map that can be hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return 7
