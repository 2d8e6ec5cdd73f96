"""Tokens, one by one, each on the bill before anybody sees it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fake_provider.bill import Record
from fake_provider.http1 import HangUp
from fake_provider.scenario import Scenario, draw_length

TEXT = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or "
    "had an they which one you were all her she there would their we him been has when who will no "
    "more if out so up said what its about than into them can only other time new some could these"
)
WORDS = TEXT.split()

# Without a pause between tokens, how many are made before the loop may notice a hang-up.
BURST = 16


@dataclass(frozen=True, slots=True)
class Order:
    """What a request asks for, in the terms of every API."""

    endpoint: str
    model: str  # the tariff's name
    served: str  # as answers spell it
    input_tokens: int
    limit: int  # tokens per choice, hidden ones included
    choices: int = 1
    stream: bool = False


@dataclass(slots=True)
class Choice:
    """One answer of a request, as it grows."""

    index: int
    wanted: int  # tokens in all, hidden ones included
    hidden: int
    limit: int
    made: int = 0

    @property
    def size(self) -> int:
        """How many tokens it will have."""
        return min(self.wanted, self.limit)

    @property
    def cut_off(self) -> bool:
        """Whether the limit ends it, not the model."""
        return self.wanted > self.limit


def plan(order: Order, scenario: Scenario, rng: random.Random) -> list[Choice]:
    """How long each choice is meant to be."""
    limit = 10**9 if scenario.ignore_limit else order.limit
    return [
        Choice(
            index=index,
            wanted=scenario.reasoning + draw_length(scenario.length, rng),
            hidden=scenario.reasoning,
            limit=limit,
        )
        for index in range(order.choices)
    ]


async def tokens(
    choices: list[Choice],
    record: Record,
    scenario: Scenario,
    *,
    rng: random.Random,
    gone: Callable[[], bool],
) -> AsyncIterator[tuple[Choice, str]]:
    """
    The visible tokens of all choices in turn; hidden ones are made and billed unseen.

    Where the scenario is gated, they wait for its gate. Raises `HangUp` as soon as the client is
    seen to be gone; what was made by then stays billed.
    """
    if scenario.first_token_seconds:
        await asyncio.sleep(scenario.first_token_seconds)
    unpaced = 0
    growing = [choice for choice in choices if choice.made < choice.size]
    made = 0
    while growing:
        for choice in growing:
            if made == scenario.gated_after:
                await scenario.gate.wait()
            made += 1
            if scenario.token_seconds:
                await asyncio.sleep(scenario.token_seconds)
            elif (unpaced := unpaced + 1) % BURST == 0:
                await asyncio.sleep(0)
            if gone():
                raise HangUp
            choice.made += 1
            record.output += 1
            if choice.made <= choice.hidden:
                record.reasoning += 1
            else:
                yield choice, " " + rng.choice(WORDS)
        growing = [choice for choice in growing if choice.made < choice.size]
