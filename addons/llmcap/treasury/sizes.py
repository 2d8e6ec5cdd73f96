"""
How much to ask for, how much to grant, and how much to give back. All of it is pure.

A node asks for what it spends in the next seconds, so that hardly any call waits for the treasury.
The treasury gives no node more than its share of what is left, so that allotments shrink as the
budget empties; the last calls ask each, and the last cent is spent by whoever needs it.
"""

from dataclasses import dataclass

# What a node has at hand should last for this long at its present pace.
AHEAD_SECONDS = 3
# A share of what is left is this part of an equal one.
SHARE = 4
# So many calls like the largest of late, for a burst of them.
BURST_CALLS = 4


def grant(*, least: int, wanted: int, free: int, nodes: int) -> int:
    """
    What a node gets, where `free` is at least `least`.

    `PostgresTreasury` computes the same in SQL; the state machine holds both to it.
    """
    assert 0 <= least <= wanted, (least, wanted)
    share = max(free - least, 0) // (SHARE * max(nodes, 1))
    return least + min(wanted - least, share)


@dataclass(frozen=True, slots=True)
class Use:
    """How a node used an account of late, and what it has of it now."""

    spent_per_second: int
    held_most: int  # at once, of late
    need_most: int  # of one call, of late

    @property
    def ahead(self) -> int:
        """What should be at hand for the next seconds."""
        pace = self.spent_per_second * AHEAD_SECONDS
        return pace + self.held_most + self.need_most * BURST_CALLS


def more_wanted(use: Use, *, at_hand: int) -> int:
    """What to ask for ahead of need: nothing while half of what should be there is."""
    return use.ahead - at_hand if at_hand * 2 < use.ahead else 0


def given_back(use: Use, *, at_hand: int, wanted: bool, over: bool) -> int:
    """
    How much of what is at hand goes back.

    All of it where the window is `over`, or others are short of it (`wanted`); all that the next
    seconds do not need where that is more than half of it.
    """
    if at_hand <= 0:
        return 0
    if over or wanted:
        return at_hand
    return at_hand - use.ahead if at_hand > 2 * use.ahead else 0
