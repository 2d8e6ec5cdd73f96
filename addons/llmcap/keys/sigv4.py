"""
AWS's signatures of requests, made by the signer of its own package (the extra `aws`).

One function computes a signature over headers that are named, for a stand-in's that is checked as
for a real one that is put in its place.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Self

from llmcap.words.errors import ConfigError

Fields = tuple[tuple[bytes, bytes], ...]

STAMP = "%Y%m%dT%H%M%SZ"
HASHED = "x-amz-content-sha256"
DATE, TOKEN = "x-amz-date", "x-amz-security-token"
MADE = frozenset(("authorization", DATE, TOKEN))  # what a signature brings along

# Further hashes of a body. It may be another one when it leaves, and the signature covers that.
_OF_THE_BODY = re.compile(r"x-amz-checksum-.*|x-amz-sdk-checksum-algorithm|content-md5")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, as far as a signature covers it; `url` with its scheme, `body` as it is sent."""

    method: str
    url: str
    fields: Fields
    body: bytes

    def header(self, name: str) -> str:
        """A header by its name in lower case, or nothing; several of a name are one."""
        wanted = name.encode()
        return ",".join(
            value.decode("utf-8", "surrogateescape")
            for key, value in self.fields
            if key.lower() == wanted
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request is signed for, and which of its headers that covers, in lower case."""

    region: str
    service: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, with the token of a session where it is of one."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def told(self) -> str:
        """The same as a text, for a process of ours; none of its parts has a space."""
        return " ".join(filter(None, (self.access_key, self.secret_key, self.token)))

    @classmethod
    def of(cls, told: str) -> Self:
        """What `told` gave."""
        return cls(*told.split(" "))


def signature(sent: Sent, scope: Scope, credentials: Credentials, stamp: str) -> str:
    """The signature of a request at a time (`stamp`, as `x-amz-date` has it), in hexadecimal."""
    signer = part("auth").SigV4Auth(credentials, scope.service, scope.region)
    headers = {name: sent.header(name) for name in scope.names}
    headers["host"] = headers.get("host") or sent.url.split("/", 3)[2]
    request = part("awsrequest").AWSRequest(
        method=sent.method, url=sent.url, data=sent.body, headers=headers
    )
    request.context["timestamp"] = stamp
    covered = type(request.headers)()
    for name in scope.names:
        covered[name] = headers[name]
    signer.headers_to_sign = lambda _: covered
    if (hashed := sent.header(HASHED)) and HASHED not in scope.names:
        request.headers[HASHED] = hashed  # it stands for the body, covered or not
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)),
                                request))  # fmt: skip


def signed(sent: Sent, scope: Scope, credentials: Credentials, now: datetime) -> Fields:
    """The headers of a request with a signature over all of `scope` that it still has."""
    had_hash = bool(sent.header(HASHED))
    kept = [each for each in sent.fields if not _falls(each[0].lower().decode("latin-1"))]
    stamp = now.strftime(STAMP)
    made = {DATE: stamp}
    if had_hash:
        made[HASHED] = hashlib.sha256(sent.body).hexdigest()
    if credentials.token:
        made[TOKEN] = credentials.token
    fields = (*kept, *((name.encode(), value.encode()) for name, value in made.items()))
    there = {name.lower().decode("latin-1") for name, _ in fields}
    names = tuple(sorted(there.intersection(scope.names) | {"host", *made}))
    leaving = Sent(sent.method, sent.url, fields, sent.body)
    told = signature(leaving, Scope(scope.region, scope.service, names), credentials, stamp)
    where = f"{credentials.access_key}/{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    said = f"AWS4-HMAC-SHA256 Credential={where}, SignedHeaders={';'.join(names)}, Signature={told}"
    return (*fields, (b"authorization", said.encode()))


def part(name: str) -> Any:
    """A module of AWS's package. Raises `ConfigError` where it is not installed."""
    try:
        return import_module(f"botocore.{name}")
    except ImportError as error:
        raise ConfigError(
            "credentials of AWS need a package\nhint: pip install 'llmcap-mitmproxy[aws]'"
        ) from error


def _falls(name: str) -> bool:
    return name in MADE or name == HASHED or bool(_OF_THE_BODY.fullmatch(name))
