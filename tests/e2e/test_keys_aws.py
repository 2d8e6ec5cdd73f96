"""
Promise: a command signs with a stand-in of AWS's, and the provider, which checks every signature by
the real secret, sees signatures of the real key alone, also over what LLMCap changed.
"""

import json
from typing import Any

import pytest

from .conftest import CLIENTS, PROGRAMS
from .people import User

REAL_ID, REAL_SECRET, REAL_TOKEN = "ASIAREALREALREALREAL", "rE/aL+" * 6, "tOkEn/=" * 20
KNOWN = {REAL_ID: f"{REAL_SECRET} {REAL_TOKEN}"}
FORMS = ["converse", "converse_stream", "invoke", "invoke_stream"]


@pytest.fixture
def owner(user: User) -> User:
    """Somebody with a session of AWS's in a profile, whose provider knows no other key."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    user.provider.scenario(secrets=KNOWN, length="40")
    (user.home / ".aws").mkdir()
    (user.home / ".aws" / "credentials").write_text(
        f"[work]\naws_access_key_id = {REAL_ID}\naws_secret_access_key = {REAL_SECRET}\n"
        f"aws_session_token = {REAL_TOKEN}\n"
    )
    (user.home / ".aws" / "config").write_text("[profile work]\nregion = us-east-1\n")
    (user.home / "llmcap.yaml").write_text("keys: {aws-bedrock: 'aws:work'}\n")
    user.more |= {"LLMCAP_CONFIG": str(user.home / "llmcap.yaml"), "AWS_PROFILE": "work"}
    return user


def asked(user: User, *words: str, how: tuple[str, ...] = ()) -> tuple[list[dict[str, Any]], str]:
    """What the program reports of its calls, and what was said beside."""
    program = str(PROGRAMS / "bedrock_program.py")
    done = user.run(*how, "--", str(CLIENTS), program, *words)
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_every_form_is_signed_again(owner: User) -> None:
    """Metered to the nano-dollar, with no real key anywhere that the command could see."""
    reports, _ = asked(owner, ",".join(FORMS), "50", how=("--confine",))
    assert all(report.get("words") for report in reports), reports
    heads = owner.provider.bill()["heads"]
    assert len(heads) == len(FORMS)
    assert all(f"Credential={REAL_ID}/" in head and "AKIA" not in head for head in heads)
    assert owner.spent_nanos() == owner.provider.nanos() > 0


def test_a_body_is_clamped_and_still_signed(owner: User) -> None:
    """The field is written, and the signature is over the body with it; a key is one key."""
    owner.provider.scenario(secrets=KNOWN, length="9000")
    # Nova lite writes a million tokens for $0.24: some 800 of these words, of 9,000 that it has.
    (owner.home / "llmcap.yaml").write_text(
        "keys: {aws-bedrock: 'aws:work'}\n"
        "budgets:\n- {name: per-key, cap: 4 requests, every: day, per: key}\n"
        "- {name: each, cap: $0.0002, every: day, per: endpoint}\n"
    )
    reports, _ = asked(owner, ",".join([*FORMS, "converse"]))
    assert all(report.get("words") for report in reports[:4]), reports
    assert "'per-key'" in reports[4]["message"]
    records = owner.provider.bill()["records"]
    assert all(256 <= record["output"] < 900 for record in records)
    assert owner.spent_nanos() == owner.provider.nanos() <= 4 * 200_000


def test_a_signature_that_the_stand_in_did_not_make_is_refused(owner: User) -> None:
    """Whoever has the stand-in's id alone, and not what it signs with, spends nothing."""
    owner.more["SPOILED"] = "x"
    ((report,), said) = asked(owner, "converse", "50")
    assert report["status"] == 403
    assert "has a signature that its stand-in did not make" in report["message"]
    assert "LLMCap refused a request" in said
    assert owner.provider.bill()["heads"] == []


def test_an_answer_that_repeats_the_session_does_not_tell_it(owner: User) -> None:
    """AWS quotes the headers that it wanted signed."""
    owner.provider.scenario(secrets={REAL_ID: f"another {REAL_TOKEN}"})
    ((report,), _) = asked(owner, "converse", "50")
    assert report["status"] == 403
    assert "Canonical:" in report["message"]
    assert REAL_TOKEN not in report["message"]
    assert REAL_ID not in report["message"]
