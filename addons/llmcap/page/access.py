"""
Who may see and change what: tokens that are signed, sessions that begin with one, and the checks.

A token is made by whoever may read the key file beside the ledger: the user. It says a role and a
project, and becomes a cookie. Against pages of other origins stand the names that the page may be
asked by (DNS rebinding), the origin of each change, and a second secret that only our page can read
(CSRF).
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llmcap.words.errors import ConfigError
from llmcap.words.paths import SECRET_BYTES, secret_in

# A link is opened soon after it was made; a session lasts a working day.
TOKEN_SECONDS = 15 * 60
SESSION_SECONDS = 16 * 3_600
SESSIONS_MAX = 200

ROLES = ("viewer", "admin")


@dataclass(frozen=True, slots=True)
class Role:
    """What somebody may do, and of whose calls; no project: of all."""

    name: str = "viewer"
    project: str = ""

    @property
    def admin(self) -> bool:
        """Whether it may change anything."""
        return self.name == "admin"


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie stands for."""

    role: Role
    csrf: str
    until: float


@dataclass(slots=True)
class Access:
    """The sessions of one server. Times are those of `time.time`."""

    secret: bytes
    port: int
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def hosts(self) -> frozenset[str]:
        """The names that the page may be asked by; any other was made to lead here."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    @property
    def cookie(self) -> str:
        """Cookies know no ports: each page has a name of its own."""
        return f"llmcap_page_{self.port}"

    def open(self, token: str) -> str | None:
        """The cookie's value for a token; None for one that is wrong or too old."""
        role = role_of(token, self.secret, now=time.time())
        if role is None:
            return None
        now = time.time()
        self.sessions = {key: each for key, each in self.sessions.items() if each.until > now}
        while len(self.sessions) >= SESSIONS_MAX:
            self.sessions.pop(next(iter(self.sessions)))
        value = secrets.token_urlsafe(SECRET_BYTES)
        csrf = secrets.token_urlsafe(SECRET_BYTES)
        self.sessions[value] = Session(role, csrf, now + SESSION_SECONDS)
        return value

    def find(self, value: str | None) -> Session | None:
        """The session of a cookie."""
        found = self.sessions.get(value or "")
        return found if found is not None and found.until > time.time() else None

    def may_ask(self, host: str, headers: Mapping[str, str]) -> bool:
        """Whether this is our own page, or somebody's address bar, asking by a name of ours."""
        site = headers.get("Sec-Fetch-Site", "none")
        navigates = headers.get("Sec-Fetch-Mode") == "navigate" and "Origin" not in headers
        return host.lower() in self.hosts and (site in ("none", "same-origin") or navigates)

    def may_change(self, session: Session, host: str, headers: Mapping[str, str]) -> str:
        """Why a change is refused; empty: it may be made."""
        if headers.get("Origin", "").lower() != f"http://{host.lower()}":
            return "it does not come from this page"
        if not hmac.compare_digest(headers.get("X-LLMCap-CSRF", ""), session.csrf):
            return "it does not have this page's secret"
        if not session.role.admin:
            return "a viewer changes nothing"
        return ""


# --- tokens -----------------------------------------------------------------------------------


def token_for(role: Role, secret: bytes, *, now: float, seconds: float = TOKEN_SECONDS) -> str:
    """A token that says this, for so long."""
    said = json.dumps({"role": role.name, "project": role.project, "until": int(now + seconds)})
    body = base64.urlsafe_b64encode(said.encode()).rstrip(b"=").decode()
    return f"{body}.{_signature(body, secret)}"


def role_of(token: str, secret: bytes, *, now: float) -> Role | None:
    """What a token says; None where it was not made with this secret, or is too old."""
    body, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(body, secret).encode()):
        return None
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if said["until"] < now or said["role"] not in ROLES:
        return None
    return Role(said["role"], said["project"])


def _signature(body: str, secret: bytes) -> str:
    return hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()


def secret_for(ledger: Path) -> bytes:
    """The key that tokens are signed with: a file beside the ledger, for its owner only."""
    path = ledger.with_suffix(".page-key")
    try:
        return secret_in(path, lambda: secrets.token_bytes(SECRET_BYTES))
    except OSError as error:
        raise ConfigError(
            f"{path}: the key of the page cannot be made or read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"{path}: this is no key of the page: {error}\nhint: remove it, and another one is made"
        ) from error
