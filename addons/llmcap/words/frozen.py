"""
Records that nobody changes, which are made for every call.

A dataclass that is frozen sets each of its fields by a call of its own, when it is made: four times
what it takes otherwise, and of the largest records a call makes several with twenty to forty
fields. So these are frozen for the type checker, which reads all of this program, and not while it
runs. Whoever changes one by way of an untyped value is not stopped.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass`, with the same equality and the same hash."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["record"]
