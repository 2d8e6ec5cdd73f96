"""
The swap itself, over headers and paths: stand-ins out, real keys in, and back again in answers.

A stand-in is looked for in every header and in the path, wherever in them it stands. It is replaced
where a vendor takes keys: as a bearer's, in a vendor's own header, a query, a WebSocket's protocol,
gRPC's metadata, or in the password of a `Basic` authorization. Anywhere else, as in a body, it
stays what it is: what a vendor keeps and shows again (the name of a file, a deployment, a tag, a
prompt) would tell the real key to the command.
"""

import base64
import binascii
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from llmcap.keys.aws import Aws
from llmcap.keys.sigv4 import Fields

# What a provider's API calls things that are, or hand out, credentials. A key, a session or a token
# that a swapped key has made would be a real one, in the hands of the command.
MINTING = re.compile(
    r"/(\w+[_-])?(api[_-]?keys|keys|service_accounts|client_secrets|auth_tokens|access_tokens|"
    r"credentials)(/|$)|/(realtime|chatkit)/(\w+_)?sessions(/|$)|/auth/(grant|token|keys?)(/|$)",
    re.IGNORECASE,
)

# Headers in which vendors take keys: `authorization`, `cf-aig-authorization`, `helicone-auth`,
# `x-api-key`, `api-key`, `x-goog-api-key`, `xi-api-key`, `ocp-apim-subscription-key`,
# `x-auth-token`, `x-key`, and their like; and the parameters of a query.
FIELDS = re.compile(
    r"(.*[-_])?(authorization|authentication|auth|(api|access|auth|subscription)[-_]?(key|token))|"
    r"(x-)?(key|token)|sec-websocket-protocol"
)
PARAMETERS = re.compile(
    r"key|token|authorization|(.*[-_])?(api|access|subscription)[-_]?(key|token)"
)

READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Key:
    """One provider's key, and what stands for it. Neither is in a `repr`."""

    provider: str
    real: str = field(repr=False)
    stand_in: str = field(repr=False)


class Keys:
    """Those of one run."""

    def __init__(self, keys: Sequence[Key], signers: Sequence[Aws] = ()) -> None:
        self.keys = tuple(keys)
        self.signers = tuple(signers)
        self._lock = threading.Lock()

    def lend(self, keys: Sequence[Key], signers: Sequence[Aws] = ()) -> Callable[[], None]:
        """Take more of them, from any thread; what it gives takes them back."""
        with self._lock:
            self.keys = (*self.keys, *keys)
            self.signers = (*self.signers, *signers)

        def back() -> None:
            with self._lock:
                self.keys = tuple(each for each in self.keys if each not in keys)
                self.signers = tuple(each for each in self.signers if each not in signers)

        return back

    def signer(self, stand_in: str) -> Aws | None:
        """Whose stand-in has that id; None where its command has ended."""
        return next((each for each in self.signers if each.stand_in == stand_in), None)

    def __bool__(self) -> bool:
        return bool(self.keys or self.signers)

    def environ(
        self, environ: Mapping[str, str], variables: Callable[[str], Sequence[str]]
    ) -> dict[str, str]:
        """
        The variables of a command that is to have stand-ins alone: wherever a real key stood, under
        whatever name, and under the usual names (`variables`) of its provider.
        """
        made = dict(environ)
        for real, stand_in in self._pairs():
            made = {name: text.replace(real, stand_in) for name, text in made.items()}
        for signer in self.signers:
            made = signer.environ(made)
        for key in self.keys:
            made |= dict.fromkeys(variables(key.provider), key.stand_in)
        return made

    def found_in(self, fields: Fields, path: str) -> list[Key | Aws]:
        """Whose stand-ins a request carries."""
        if not self:
            return []
        texts = [path, unquote(path), *(_read(value) for _, value in fields)]
        owners: list[Key | Aws] = [*self.keys, *self.signers]
        return [each for each in owners if any(each.stand_in in text for text in texts)]

    def put_in(self, fields: Fields, path: str, key: Key) -> tuple[Fields, str]:
        """The headers and the path with the real key, wherever a vendor takes one."""
        return tuple(
            (name, _replaced(value, key.stand_in, key.real) if _takes_keys(name) else value)
            for name, value in fields
        ), _asked(path, key)

    def taken_out(self, fields: Fields) -> Fields:
        """Headers of an answer without any real key that they repeat."""
        for real, stand_in in self._pairs():
            if any(real in _read(value) for _, value in fields):
                fields = tuple((name, _replaced(value, real, stand_in)) for name, value in fields)
        return fields

    def taken_out_of(self, body: bytes) -> bytes:
        """The same of a body."""
        for real, stand_in in self._pairs():
            body = body.replace(real.encode(), stand_in.encode())
        return body

    def _pairs(self) -> list[tuple[str, str]]:
        signs = (pair for signer in self.signers for pair in signer.pairs())
        return [*((key.real, key.stand_in) for key in self.keys), *signs]


def mints(method: str, path: str) -> bool:
    """Whether a request makes a credential."""
    return method.upper() not in READING and bool(MINTING.search(path.partition("?")[0]))


def _takes_keys(name: bytes) -> bool:
    return bool(FIELDS.fullmatch(name.decode("latin-1").lower()))


def _asked(path: str, key: Key) -> str:
    """The path, its query with the real key."""
    before, mark, query = path.partition("?")
    parts = query.split("&")
    for at, part in enumerate(parts):
        name, sign, value = part.partition("=")
        if PARAMETERS.fullmatch(unquote(name).lower()) and key.stand_in in unquote(value):
            real = unquote(value).replace(key.stand_in, key.real)
            parts[at] = f"{name}{sign}{quote(real, safe='')}"
    return f"{before}{mark}{'&'.join(parts)}"


def _read(value: bytes) -> str:
    """A header's value, with what its `Basic` credentials mean behind it."""
    text = value.decode("utf-8", "surrogateescape")
    decoded = _basic(text)
    return text if decoded is None else f"{text}\n{decoded}"


def _basic(text: str) -> str | None:
    scheme, _, encoded = text.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip()).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None


def _replaced(value: bytes, old: str, new: str) -> bytes:
    decoded = _basic(value.decode("utf-8", "surrogateescape"))
    if decoded is not None and old in decoded:
        content = decoded.replace(old, new).encode("utf-8", "surrogateescape")
        return b"Basic " + base64.b64encode(content)
    return value.replace(old.encode(), new.encode())
