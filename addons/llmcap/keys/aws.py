"""
AWS: a stand-in that signs, and requests that are signed again with the real credentials.

An access key is never sent, only what was signed with it, so nothing can be put in its place. The
command signs with a stand-in; what it signed is checked here to the letter, and the request,
whatever was made of it since, is signed once more as it leaves.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from llmcap.keys.sigv4 import (
    DATE,
    HASHED,
    MADE,
    STAMP,
    Credentials,
    Fields,
    Scope,
    Sent,
    part,
    signature,
)
from llmcap.words.errors import ConfigError

SOURCE = "aws"  # `aws:` or `aws:PROFILE`, of a config

# The clock of who signs may be as wrong as this, as AWS has it:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html
SKEW_SECONDS_MAX = 15 * 60

# As AWS's are: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
_ID = ("AKIA", string.ascii_uppercase + "234567", 16)
_SECRET = ("", string.ascii_letters + string.digits, 40)
_TOKEN = ("", string.ascii_letters + string.digits, 200)

# What would lead a command to other credentials than these, by AWS's chain for its packages:
# https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
LEADING = frozenset((
    "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_BEARER_TOKEN_BEDROCK",
))  # fmt: skip
REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<id>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[\w-]+)/"
    r"(?P<service>[\w-]+)/aws4_request, *SignedHeaders=(?P<names>[^,\s]+), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


class BadSignatureError(Exception):
    """A request that its stand-in has not signed; `str()` goes on after "a request that"."""


class Source(Protocol):
    """Where real credentials come from."""

    def read(self) -> Credentials:
        """As they are now, which may take a while. Raises `ConfigError`."""

    def region(self) -> str:
        """The region that goes with them, or nothing."""

    def files(self) -> Sequence[Path]:
        """Files that have them."""


class Aws:
    """Real credentials, and what stands for them. Raises `ConfigError` when made."""

    def __init__(self, provider: str, source: Source, stand_in: Credentials | None = None) -> None:
        self.provider = provider
        self._source = source
        self._stand_in = stand_in or Credentials(_drawn(*_ID), _drawn(*_SECRET))
        self._known: dict[str, str] = {}  # each real value that there was, and what stands for it
        self._last = self.current()

    @property
    def stand_in(self) -> str:
        """The id by which a request with a stand-in is known."""
        return self._stand_in.access_key

    def signs_with(self) -> Credentials:
        """The whole stand-in, for a process of ours that checks what it has signed."""
        return self._stand_in

    def current(self) -> Credentials:
        """
        The real credentials, renewed where it is time: that may take a while.

        Raises `ConfigError`.
        """
        found = self._source.read()
        self._known.setdefault(found.access_key, self._stand_in.access_key)
        self._known.setdefault(found.secret_key, self._stand_in.secret_key)
        if found.token and found.token not in self._known:
            self._known[found.token] = _drawn(*_TOKEN)
        self._last = found
        return found

    def replace(self, source: Source) -> None:
        """Take them from there from now on; what stands for them stays. From any thread."""
        self._source = source
        self.current()

    def pairs(self) -> list[tuple[str, str]]:
        """All real values that there were, each with what stands for it."""
        return list(self._known.items())

    def hidden(self) -> Sequence[Path]:
        """Files that have them."""
        return self._source.files()

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables of a command that has the stand-in, and is led to nothing else."""
        made = {name: text for name, text in environ.items() if name not in LEADING}
        made["AWS_ACCESS_KEY_ID"] = self._stand_in.access_key
        made["AWS_SECRET_ACCESS_KEY"] = self._stand_in.secret_key
        region = self._source.region()
        if region and not any(environ.get(name) for name in REGION):
            made |= dict.fromkeys(REGION, region)
        return made

    def check(self, sent: Sent, *, now: datetime) -> Scope:
        """For what the stand-in has signed this request. Raises `BadSignatureError`."""
        found = _SIGNED.fullmatch(sent.header("authorization").strip())
        if found is None or found["id"] != self.stand_in:
            raise BadSignatureError("is not signed with AWS4-HMAC-SHA256 in its head")
        stamp = sent.header(DATE)
        _check_time(stamp, found["day"], now)
        _check_body(sent)
        scope = Scope(found["region"], found["service"], tuple(found["names"].split(";")))
        if "host" not in scope.names:
            raise BadSignatureError("has a signature that leaves out its host")
        if not hmac.compare_digest(
            signature(sent, scope, self._stand_in, stamp), found["signature"]
        ):
            raise BadSignatureError("has a signature that its stand-in did not make")
        return scope

    def announced(self, fields: Fields) -> Fields:
        """
        The headers of a request until it is signed: whose key it will be, and no signature.

        As it is it would be refused, and may be changed. Credentials that run out are renewed when
        it leaves, not here: the event loop would wait for it.
        """
        kept = (each for each in fields if each[0].lower().decode("latin-1") not in MADE)
        return (
            *kept,
            (b"authorization", f"LLMCap-signs Credential={self._last.access_key}/".encode()),
        )


class Told:
    """Credentials that another process of ours reads, which tells them anew when they change."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def read(self) -> Credentials:
        """The last that were told."""
        return self.credentials

    def region(self) -> str:
        """The command has it already."""
        return ""

    def files(self) -> Sequence[Path]:
        """They are where that process is."""
        return ()


class Chain:
    """
    Where AWS's own package finds credentials: variables, profiles, SSO, roles, programs, machines.

    It reads the environment of this process. Raises `ConfigError` for what cannot be read.
    """

    def __init__(self, named: str, profile: str = "") -> None:
        self._named = named
        self._place = f"{SOURCE}:{profile}"
        self._session: Any = part("session").Session(profile=profile or None)
        self._credentials = self._asked(self._session.get_credentials)
        if self._credentials is None:
            raise ConfigError(f"keys: {named}: {self._place} has no credentials")

    def read(self) -> Credentials:
        """As they are now."""
        found = self._asked(self._credentials.get_frozen_credentials)
        return Credentials(found.access_key, found.secret_key, found.token)

    def region(self) -> str:
        """The region of the profile, or nothing."""
        return str(self._asked(lambda: self._session.get_config_variable("region")) or "")

    def files(self) -> list[Path]:
        """Where it keeps them, as far as there are such files."""
        named = self._session.get_config_variable("credentials_file")
        file = Path(str(named)).expanduser()
        cached = Path("~/.aws/sso/cache").expanduser().glob("*.json")
        return [each for each in (file, *cached) if each.is_file()]

    def _asked(self, read: Any) -> Any:
        raised = part("exceptions")
        try:
            return read()
        except (raised.BotoCoreError, raised.ClientError) as error:  # the latter: what AWS refuses
            # Its messages name profiles and files, and no credentials.
            raise ConfigError(f"keys: {self._named}: {self._place}: {error!s:.300}") from None


def _check_time(stamp: str, day: str, now: datetime) -> None:
    try:
        at = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise BadSignatureError(f"has no {DATE} that can be read") from None
    if stamp[:8] != day or abs((now - at).total_seconds()) > SKEW_SECONDS_MAX:
        raise BadSignatureError("was signed at another time")


def _check_body(sent: Sent) -> None:
    """The forms: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""
    told = sent.header(HASHED)
    if told.startswith("STREAMING-"):
        raise BadSignatureError("is signed piece by piece, which is not made again")
    if told not in ("", "UNSIGNED-PAYLOAD", hashlib.sha256(sent.body).hexdigest()):
        raise BadSignatureError("has another body than was signed")


def _drawn(begins: str, letters: str, count: int) -> str:
    return begins + "".join(secrets.choice(letters) for _ in range(count))
