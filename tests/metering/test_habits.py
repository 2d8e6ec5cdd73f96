"""What a caller's answers have told of terms that it did not ask for."""

import pytest

from llmcap.metering.habits import ANSWERS_MIN, Habits

ACME = ("openai", "gpt-4o", "a key", "acme", "")
OTHER = ("openai", "gpt-4o", "another key", "acme", "")


def told(*answers: tuple[str, ...], caller=ACME) -> Habits:
    """After these answers, each with the terms that it told."""
    habits = Habits()
    for terms in answers:
        habits.observe(caller, terms)
    return habits


@pytest.mark.parametrize("term", ["standard", "priority"])
def test_what_enough_answers_told_is_usual(term):
    """Whether it is cheap or dear."""
    assert told(*[(term,)] * (ANSWERS_MIN - 1)).of(ACME) == []
    assert told(*[(term,)] * ANSWERS_MIN).of(ACME) == [term]


def test_a_caller_that_was_served_in_two_ways_has_no_usual_one():
    """However often one of them was: a priority project falls back to the standard for a while."""
    mixed = [("standard",)] * 50 + [("priority",)] + [("standard",)] * 50
    assert told(*mixed).of(ACME) == []


def test_each_kind_of_term_is_for_itself():
    """A region that changes says nothing of the tier."""
    answers = [("standard", f"geo-{number % 2}") for number in range(ANSWERS_MIN)]
    assert told(*answers).of(ACME) == ["standard"]


def test_callers_are_kept_apart_and_not_without_end():
    """A key belongs to a project, and that has its own default; names come from requests."""
    habits = told(*[("standard",)] * ANSWERS_MIN)
    assert habits.of(OTHER) == []
    for number in range(2_000):
        habits.observe(("openai", f"model-{number}"), ("standard",))
    assert habits.of(ACME) == []
    assert len(habits._seen) <= 1_000
