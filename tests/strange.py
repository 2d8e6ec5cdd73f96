"""Files in which one value is of another kind than whoever writes them would make it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

# What stands nowhere by right; a number that is none of JSON's, which Python reads all the same.
STRANGE: tuple[Any, ...] = (None, [], {}, True, "x", -1, 1e300, float("inf"), [[[]]], {"a": [7]})


def replaced(document: Any) -> Iterator[tuple[Any, Callable[[Any], None]]]:
    """Each value of a document, at any depth, and how another one is put in its place."""
    places = document if isinstance(document, dict) else range(len(document))
    for place in [*places]:
        value = document[place]
        yield value, partial(document.__setitem__, place)
        if isinstance(value, dict | list):
            yield from replaced(value)


def each_strange(document: Any) -> Iterator[None]:
    """The document with a strange value in it, each at each place; it is whole again in the end."""
    for value, put in replaced(document):
        for other in STRANGE:
            put(other)
            yield
        put(value)
