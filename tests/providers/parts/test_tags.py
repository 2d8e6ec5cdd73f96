"""What requests say of themselves becomes short names, and nothing else."""

import json

import pytest

from llmcap.providers.parts.tags import METADATA, NAMES_MAX, short_text, tagged, user_of

SESSION = "81a757f9-6c45-4a8b-8f88-5a8deeb1370f"
DEVICE = "ad3f17b607de27eb1cb93b026ce36333c733173d561759bcaaf4784745eea9ef"
ACCOUNT = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("user_id", "user"),
    [
        (json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": SESSION}), DEVICE),
        (
            json.dumps({"device_id": DEVICE, "account_uuid": ACCOUNT, "session_id": SESSION}),
            ACCOUNT,
        ),
        (f"user_{DEVICE}_account_{ACCOUNT}_session_{SESSION}", ACCOUNT),
        (f"user_{DEVICE}_account__session_{SESSION}", DEVICE),
    ],
    ids=["2.1, a key", "2.1, an account", "before, an account", "before, a key"],
)
def test_claude_codes_user_id_is_a_user_and_a_session(user_id, user):
    """The same user in all sessions, whatever else stands beside it."""
    assert user_of(user_id) == {"user": user, "session": SESSION}


@pytest.mark.parametrize("value", ["u-1", '{"a": 1}', "{", "user_x_session_y", "[" * 5_000])
def test_another_user_id_is_a_user(value):
    """As it is, as far as it is short."""
    assert user_of(value) == {"user": value[:250]}


@pytest.mark.parametrize("value", [None, "", 7, ["u"], {}])
def test_what_is_no_text_is_no_user(value):
    """An API may take anything there."""
    assert user_of(value) == {}


def test_tags_are_attributes_by_the_names_that_people_give_them():
    """Each of them as `metadata.NAME` too, for those who ask for it."""
    found = tagged({"feature": "chat", "org_id": "acme", "customer_id": "c-1", "team": "search",
                    "session_id": "s-1", "user_id": "u-1"})  # fmt: skip
    assert found["feature"] == "chat"
    assert found["organization"] == "acme"
    assert found["customer"] == "c-1"
    assert found["session"] == "s-1"
    assert found["user"] == "u-1"
    assert found[f"{METADATA}team"] == "search"


@pytest.mark.parametrize("value", ["x" * 65, "two\nlines", "\x1b[31m", "", True, 1.5, None, {}])
def test_what_is_no_name_is_left_out(value):
    """A prompt is longer, or has lines."""
    assert short_text(value) == ""
    assert f"{METADATA}note" not in tagged({"note": value})


def test_many_names_are_not_read():
    """An API may take thousands."""
    many = tagged({f"n{number}": "v" for number in range(10 * NAMES_MAX)})
    assert len(many) == NAMES_MAX
    assert not tagged({"n" * 65: "v"})
