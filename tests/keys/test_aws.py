"""Promise: only what a stand-in has signed to the letter is signed with the real credentials."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fake_provider.exchange import Request
from fake_provider.sigv4 import objection
from llmcap.keys.aws import Aws, BadSignatureError, Chain
from llmcap.keys.sigv4 import Credentials, Scope, Sent, part, signed
from llmcap.keys.swap import Keys
from llmcap.words.errors import ConfigError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
REAL_ID, REAL_SECRET, REAL_TOKEN = "ASIAREALREALREALREAL", "rE/aL+" * 6, "tOkEn/=" * 20
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
URL = f"https://{HOST}/model/amazon.nova-lite-v1%3A0/converse"
BODY = b'{"messages": []}'
FIELDS = ((b"Host", HOST.encode()), (b"Content-Type", b"application/json"), (b"x-own", b"a  b"))
SCOPE = Scope("us-east-1", "bedrock", ("content-type", "host", "x-own"))

# By what a client told of its body: whether it has the header at all.
HASHES = {
    "absent": (),
    "unsigned": ((b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),),
    "hash": ((b"X-Amz-Content-Sha256", hashlib.sha256(BODY).hexdigest().encode()),),
}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Real credentials of a session, in the variables of whoever runs the proxy."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in (("ACCESS_KEY_ID", REAL_ID), ("SECRET_ACCESS_KEY", REAL_SECRET),
                        ("SESSION_TOKEN", REAL_TOKEN)):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return Aws("aws-bedrock", Chain("aws-bedrock"))


def told(sent: Sent) -> Request:
    """The request as the provider reads it."""
    headers = {name.decode().lower(): value.decode() for name, value in sent.fields}
    target = sent.url.removeprefix(f"https://{HOST}")
    return Request(sent.method, target, headers, sent.body, "HTTP/1.1")


def asked(aws: Aws, *, more: tuple[tuple[bytes, bytes], ...] = (), url: str = URL) -> Sent:
    """A request that the command has signed with what it was given."""
    given = aws.environ({})
    stand_in = Credentials(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"])
    sent = Sent("POST", url, (*FIELDS, *more), BODY)
    return replace(sent, fields=signed(sent, SCOPE, stand_in, NOW))


@pytest.mark.parametrize("url", [URL, f"{URL}?b=2&a=x%20y"], ids=["plain", "query"])
@pytest.mark.parametrize("told_hash", HASHES)
def test_what_the_stand_in_signed_is_signed_again(aws: Aws, told_hash: str, url: str) -> None:
    """AWS's own rules hold for it, with the real key and its session, also with another body."""
    sent = asked(aws, more=HASHES[told_hash], url=url)
    scope = aws.check(sent, now=NOW)
    waiting = aws.announced(sent.fields)
    assert objection(told(replace(sent, fields=waiting)), {REAL_ID: REAL_SECRET})
    clamped = replace(sent, fields=waiting, body=b'{"maxTokens": 7}')
    leaving = replace(clamped, fields=signed(clamped, scope, aws.current(), NOW))
    assert objection(told(leaving), {REAL_ID: f"{REAL_SECRET} {REAL_TOKEN}"}) == ""
    assert aws.stand_in.encode() not in b"".join(value for _, value in leaving.fields)


def test_nobody_is_asked_for_credentials_before_the_request_leaves(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To renew them takes a while, and the event loop would stand still for it."""
    monkeypatch.setattr(Chain, "read", lambda _: pytest.fail("asked"))
    assert f"Credential={REAL_ID}/" in str(aws.announced(FIELDS))


def altered(name: bytes, value: bytes) -> Callable[[Sent], Sent]:
    """The same request with another header."""
    return lambda sent: replace(
        sent,
        fields=tuple((k, value if k.lower() == name else v) for k, v in sent.fields),
    )


CHANGES: dict[str, tuple[Callable[[Sent], Sent], str]] = {
    "body": (lambda sent: replace(sent, body=b"{}"), "did not make"),
    "method": (lambda sent: replace(sent, method="PUT"), "did not make"),
    "model": (lambda sent: replace(sent, url=sent.url.replace("lite", "pro")), "did not make"),
    "query": (lambda sent: replace(sent, url=f"{sent.url}?a=1"), "did not make"),
    "host": (altered(b"host", b"bedrock-runtime.eu-west-1.amazonaws.com"), "did not make"),
    "header": (altered(b"x-own", b"c"), "did not make"),
    "day": (altered(b"x-amz-date", b"20261129T120000Z"), "another time"),
    "time": (altered(b"x-amz-date", b"yesterday"), "no x-amz-date"),
    "pieces": (
        lambda sent: replace(sent, fields=(*sent.fields, (
            b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))),
        "piece by piece",
    ),
    "hash": (
        lambda sent: replace(sent, fields=(*sent.fields, (b"x-amz-content-sha256", b"0" * 64))),
        "another body",
    ),
    "four a": (altered(b"authorization", b"AWS4-ECDSA-P256-SHA256 Credential=x"), "not signed"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_anything_else_is_refused(aws: Aws, change: str) -> None:
    """Whatever a signature covers, and forms that are not made again."""
    made, why = CHANGES[change]
    with pytest.raises(BadSignatureError, match=why):
        aws.check(made(asked(aws)), now=NOW)


def test_a_signature_of_another_time_is_refused(aws: Aws) -> None:
    """A request that somebody kept is not sent again later."""
    with pytest.raises(BadSignatureError, match="another time"):
        aws.check(asked(aws), now=NOW + timedelta(minutes=16))


def test_the_command_has_the_stand_in_and_is_led_nowhere_else(aws: Aws) -> None:
    """No profile, no session, no role; the region that the owner has."""
    owner = {
        "AWS_ACCESS_KEY_ID": REAL_ID, "MY_SECRET": f"x {REAL_SECRET}", "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": REAL_TOKEN, "TOKEN_TOO": REAL_TOKEN,
    }  # fmt: skip
    given = Keys([], [aws]).environ(owner, lambda _: ())
    shown = " ".join(given.values())
    assert not any(real in shown for real in (REAL_ID, REAL_SECRET, REAL_TOKEN))
    assert given["AWS_ACCESS_KEY_ID"] == aws.stand_in
    assert given["AWS_REGION"] == "eu-central-1"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & given.keys()


def test_an_answer_that_repeats_real_credentials_does_not(aws: Aws) -> None:
    """As AWS repeats the headers that it would have wanted signed."""
    body = f"The Canonical String: x-amz-security-token:{REAL_TOKEN} {REAL_ID}".encode()
    shown = Keys([], [aws]).taken_out_of(body)
    assert REAL_TOKEN.encode() not in shown
    assert REAL_ID.encode() not in shown
    assert repr(aws.current()) == f"Credentials(access_key='{REAL_ID}')"


def test_no_credentials_stop_the_run_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that is not there, and a chain that finds nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"keys: aws-bedrock: aws:prod: .*prod"):
        Chain("aws-bedrock", "prod")
    with pytest.raises(ConfigError, match="keys: aws-bedrock: aws: has no credentials"):
        Chain("aws-bedrock")


def test_a_role_that_aws_refuses_to_renew_is_a_sentence(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's package says that with an error of another family than its own."""

    def refuse(_: object) -> None:
        told = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
        raise part("exceptions").ClientError(told, "AssumeRole")

    monkeypatch.setattr("botocore.credentials.Credentials.get_frozen_credentials", refuse)
    with pytest.raises(ConfigError, match=r"keys: aws-bedrock: aws:: .*AccessDenied.*not you"):
        aws.current()
