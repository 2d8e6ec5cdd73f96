"""
Where events go: a webhook of our own, and through apprise the chat, mail and desktop services.

A webhook gets JSON, signed as https://www.standardwebhooks.com describes, so that its receiver can
check it with any of that scheme's libraries: `webhook-id` is the event's id and the same for every
attempt, `webhook-signature` is `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import importlib.util
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from llmcap.notices.events import Delivery
from llmcap.words.errors import ConfigError
from llmcap.words.rules import AlertTarget

TIMEOUT_SECONDS = 10
RETRY_FIRST = timedelta(seconds=1)
RETRY_LONGEST = timedelta(minutes=10)


class Undelivered(Exception):  # noqa: N818 (it is what happened, and no error of ours)
    """An attempt that did not arrive; `str()` says why, without the address."""


class Sink(Protocol):
    """One receiver. `deliver` may take seconds, and raises `Undelivered`."""

    @property
    def name(self) -> str:
        """What a log may call it: no address, since that may be a password."""
        ...

    def deliver(self, delivery: Delivery, now: datetime) -> None:
        """Bring one event there."""
        ...


def sink_for(target: AlertTarget) -> Sink:
    """The sink of a target. Raises `ConfigError` where what it needs is not installed."""
    if not target.apprise:
        return Webhook(target.url, target.secret)
    if importlib.util.find_spec("apprise") is None:
        raise ConfigError(
            "alerts: an apprise URL needs the package apprise, which is not installed\n"
            "hint: pip install 'llmcap-mitmproxy[alerts]', or use a webhook"
        )
    return Apprise(target.url)


def target_id(target: AlertTarget) -> str:
    """A name for a target that tells nothing of its address, the same in every process."""
    return hashlib.sha256(target.url.encode()).hexdigest()[:16]


def retry_after(failures: int) -> timedelta:
    """How long a receiver is left alone that has failed so many times: each time twice as long."""
    wait: timedelta = RETRY_FIRST * 2 ** min(failures - 1, 20)
    return min(wait, RETRY_LONGEST)


# --- webhook ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    A POST to a URL of the user's.

    It goes out directly, past every proxy: `HTTPS_PROXY` may well be this one. A redirect is a
    failure, as the signature is meant for whoever the config names.
    """

    url: str
    secret: str = ""

    @property
    def name(self) -> str:
        """The host, as the rest of the URL may be a password."""
        return f"webhook at {urlsplit(self.url).hostname}"

    def deliver(self, delivery: Delivery, now: datetime) -> None:
        """Post it. Anything but a 2xx is a failure."""
        body = json.dumps(delivery.document, separators=(",", ":")).encode()
        headers = self._headers(delivery.event_id, int(now.timestamp()), body)
        try:
            status = self._post(body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from error
        if not 200 <= status < 300:
            raise Undelivered(f"the answer was {status}")

    def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                parts.hostname,
                parts.port,
                timeout=TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        else:
            connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=TIMEOUT_SECONDS
            )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", path, body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()

    def _headers(self, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": "llmcap",
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
        }
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, event_id, timestamp, body)
        return headers


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of a body. A secret `whsec_...` is base64, any other just bytes."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    prefix, found, encoded = secret.partition("whsec_")
    if found and not prefix:
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error:
            pass
    return secret.encode()


# --- apprise ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Apprise:
    """Whatever apprise can reach: https://github.com/caronc/apprise/wiki."""

    url: str

    @property
    def name(self) -> str:
        """The service, as the rest of the URL is a password."""
        return f"apprise {urlsplit(self.url).scheme}"

    def deliver(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 (a sink's shape)
        """Send title and sentence; apprise says no more than whether it worked."""
        apprise: Any = importlib.import_module("apprise")
        service = apprise.Apprise()
        if not service.add(self.url):
            raise Undelivered("apprise does not know this kind of URL")
        title = f"LLMCap: {str(delivery.document['event']).replace('_', ' ')}"
        if not service.notify(title=title, body=delivery.document["message"]):
            raise Undelivered("apprise could not send it")
