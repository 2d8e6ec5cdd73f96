"""
Who was refused, and asks again: a client that goes on after a refusal is told in other words.

The first refusal of a client is the one that its SDK knows; whoever asks again has a retry of its
own above that, and needs a status that ends it. A call asks again where it was certainly made
after the refusal: over a connection that a refusal went through, or one that was opened, or a
stream that began, well after it. So calls that are under way together get the first, all of them.

Kept for a minute after the last refusal, and for the same request for as long as it is remembered;
forgotten when the client was served. It decides about words only, never about whether a call goes.
Bounded, in memory, for one event loop; of a request only a keyed hash is kept. Workers of one proxy
tell each other, so that a client is known again by whichever it comes to.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from llmcap.providers.parts.shape import Request
from llmcap.replies import Refusal
from llmcap.shared.peers import Peers
from llmcap.words.arrival import Arrival
from llmcap.words.records import Call, CapUnit, Hold

CLIENTS_MAX = 1_000
CAUSES_MAX = 32  # for each client
REQUESTS_MAX = 128  # for each cause
CONNECTIONS_MAX = 256

# How long a client that was refused is expected to ask again, whatever it asks.
WITHIN = timedelta(minutes=1)
# How long the same request is known again: the longest pauses that clients were seen to make
# between attempts are minutes.
SAME_WITHIN = timedelta(hours=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

Cause = tuple[str, str, str, int | None]
Client = tuple[str, ...]


@dataclass(slots=True)
class _Refused:
    """What is known of one client's refusals for one cause."""

    first_at: datetime  # of those that follow each other within a minute
    last_at: datetime
    # At which step a refusal went last through a connection.
    connections: OrderedDict[str, int] = field(default_factory=OrderedDict)
    # By the hash of a request: at which step it was refused last, when, and what it needed.
    requests: OrderedDict[bytes, tuple[int, datetime, int]] = field(default_factory=OrderedDict)


class Refusals:
    """Of one proxy."""

    def __init__(self, secret: bytes, peers: Peers | None = None) -> None:
        self._secret = secret
        self._peers = Peers() if peers is None else peers
        self._peers.on("refused", self._heard_refused)
        self._peers.on("served", self._heard_served)
        self._clients: OrderedDict[Client, OrderedDict[Cause, _Refused]] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._clients)

    def step(self, refusal: Refusal, request: Request, call: Call, *, now: datetime) -> int:
        """
        Which refusal of its client this is: 1 the first, 2 to one that asks again, 3 and more to
        the same request after it was told that.

        Always 1, and not remembered, for what time cures (rate limits, money that calls in flight
        hold) and for what is wrong with the request itself.
        """
        if refusal.about_request or refusal.retry_after is not None or refusal.passing:
            return 1
        self._peers.catch_up()
        client = _client_of(request, call)
        cause = (refusal.reason, refusal.budget or "", refusal.value, refusal.cap)
        causes = self._clients.get(client) or OrderedDict()
        known = causes.get(cause) or _Refused(first_at=now, last_at=now)
        digest, connection = self._digest(request), request.arrival.connection
        step = _step(known, request.arrival, digest, now)
        needed = refusal.needed or 0
        self._note(client, cause, digest, connection, step, needed, now)
        said = (client, cause, digest.hex(), connection, step, needed, now.isoformat())
        self._peers.say("refused", *said)
        return step

    def _heard_refused(
        self,
        _: int,
        client: list[str],
        cause: list[Any],
        digest: str,
        connection: str,
        step: int,
        needed: int,
        at: str,
    ) -> None:
        """Another worker refused a call."""
        reason, budget, value, cap = cause
        known = (reason, budget, value, cap)
        when = datetime.fromisoformat(at)
        self._note(tuple(client), known, bytes.fromhex(digest), connection, step, needed, when)

    def _note(
        self,
        client: Client,
        cause: Cause,
        digest: bytes,
        connection: str,
        step: int,
        needed: int,
        now: datetime,
    ) -> None:
        causes = self._clients.setdefault(client, OrderedDict())
        known = causes.setdefault(cause, _Refused(first_at=now, last_at=now))
        if now - known.last_at > WITHIN:
            known.first_at = now
        known.last_at = now
        _remember(known.requests, digest, (step, now, needed), REQUESTS_MAX)
        _remember(known.connections, connection, step, CONNECTIONS_MAX)
        _remember(causes, cause, known, CAUSES_MAX)
        _remember(self._clients, client, causes, CLIENTS_MAX)

    def admitted(self, request: Request, call: Call, hold: Hold) -> None:
        """
        A client is served: whatever it was refused is over, for the budgets that carried this call.

        A request that needs more than this call does is the exception, as nothing says yet that
        there is room for it: asked again, it is known again.
        """
        if not self._clients:
            return
        client = _client_of(request, call)
        if client not in self._clients:
            return
        carried = {
            (scope.budget.name, scope.value): hold.held_tokens
            if scope.budget.unit is CapUnit.TOKENS
            else hold.held_nanos
            for scope in hold.scopes
        }
        digest = self._digest(request)
        self._served(client, digest, carried, otherwise=hold.held_nanos)
        told = [(*key, held) for key, held in carried.items()]
        self._peers.say("served", client, digest.hex(), told, hold.held_nanos)

    def _heard_served(
        self,
        _: int,
        client: list[str],
        digest: str,
        carried: list[tuple[str, str, int]],
        otherwise: int,
    ) -> None:
        """Another worker admitted a call."""
        held = {(budget, value): most for budget, value, most in carried}
        self._served(tuple(client), bytes.fromhex(digest), held, otherwise=otherwise)

    def _served(
        self,
        client: Client,
        digest: bytes,
        carried: dict[tuple[str, str], int],
        *,
        otherwise: int,
    ) -> None:
        """`carried`: what each budget holds for the call; `otherwise`: what that is in money."""
        causes = self._clients.get(client)
        if causes is None:
            return
        for cause in list(causes):
            _, budget, value, _ = cause
            if budget and (budget, value) not in carried:
                continue
            held = carried.get((budget, value), otherwise)
            known = causes[cause]
            known.last_at = LONG_AGO
            known.connections.clear()
            for other, (_, _, needed) in list(known.requests.items()):
                if other == digest or needed <= held:
                    del known.requests[other]
            if not known.requests:
                del causes[cause]
        if not causes:
            del self._clients[client]

    def _digest(self, request: Request) -> bytes:
        hashed = hashlib.blake2b(request.body, key=self._secret, digest_size=16)
        hashed.update(f"\0{request.method} {request.host}{request.path}".encode())
        return hashed.digest()


def _step(known: _Refused, arrival: Arrival, digest: bytes, now: datetime) -> int:
    """What this refusal is, by what its client had been told when it made the call."""
    told = known.connections.get(arrival.connection) if arrival.in_turn else None
    again = 0
    if before := known.requests.get(digest):
        step, at, _ = before
        if now - at <= SAME_WITHIN and (told is not None or arrival.is_after(at)):
            again = min(step, told or step) + 1
    follows = now - known.last_at <= WITHIN
    if follows and (told is not None or arrival.is_after(known.first_at)) and known.requests:
        again = max(again, 2)
    return again or 1


def _client_of(request: Request, call: Call) -> Client:
    """Who asks, as far as anything tells: its address, program, key and place."""
    told = call.attributes
    return (
        request.arrival.peer,
        request.arrival.process,
        request.headers.get("user-agent", ""),
        *(told.get(name, "") for name in ("client", "key", "cwd", "proxy_user", "port")),
    )


def _remember[K, V](kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Put it last, and let the first go where there are too many."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
