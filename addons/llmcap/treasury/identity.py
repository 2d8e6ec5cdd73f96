"""
Whether a proxy that joins is the node that it says it is. Pure: what is known comes in as records.

A node is one ledger file. The file remembers the epoch and the last message of which it has the
answer; the treasury remembers the last one that it carried out. A file that lags behind by more
than the one message that may be on its way is an old copy. Two proxies on copies of one file look
the same, until one of them is heard from: so whoever joins waits until the other has been silent.
"""

from dataclasses import dataclass

from llmcap.treasury.protocol import Claim

# A proxy that runs is heard from several times in this span; one that was not is taken for gone.
SILENT_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Known:
    """A node as the treasury knows it."""

    state: str
    epoch: int
    seq: int
    last_id: str
    session: str
    silent_seconds: int  # since it was heard last, whole


@dataclass(frozen=True, slots=True)
class Joins:
    """It is this node, or a new one; its next epoch may begin."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Another proxy was this node a moment ago: only its silence can tell."""


@dataclass(frozen=True, slots=True)
class Stops:
    """It may not go on, and why."""

    why: str


_NEW = "give this proxy a ledger of its own (llmcap_ledger, LLMCAP_LEDGER): it is then a new node"


def is_old_copy(claim: Claim, known: Known) -> bool:
    """Whether the treasury has heard more of a node than the file knows that says to be it."""
    # The answer to its last joining may have been lost, and that to its last message.
    own_session = known.session in (claim.session, claim.last_session)
    joined = claim.epoch >= known.epoch or (claim.epoch == known.epoch - 1 and own_session)
    heard = claim.seq >= known.seq or (
        claim.seq == known.seq - 1 and claim.pending_id == known.last_id
    )
    return not (joined and heard)


def judge(claim: Claim, known: Known | None) -> Joins | Waits | Stops:
    """What to do with a proxy that joins."""
    if known is None:
        if claim.epoch == 0:
            return Joins()
        return Stops(
            f"the treasury does not know this node ({claim.node_id}), which has been in a fleet: "
            "it is another treasury, or was restored from an old copy\n"
            f"hint: check `treasury:`; else {_NEW}"
        )
    if known.state == "retired":
        return Stops(
            f"this node ({claim.node_id}) was retired: what it had was posted as spent\n"
            f"hint: {_NEW}"
        )
    if claim.epoch > known.epoch or claim.seq > known.seq:
        return Stops(
            f"the treasury is older than this node ({claim.node_id}): it was restored from a copy, "
            "and does not know all that was granted\nhint: restore a newer copy of the treasury; "
            f"else {_NEW}"
        )
    if is_old_copy(claim, known):
        return Stops(
            f"this ledger is an old copy of the node {claim.node_id}: the treasury has heard more "
            "of that node than this file knows\nhint: use the newest file of that node; else "
            "`llmcap fleet retire` it and " + _NEW
        )
    running = known.state == "active" and known.session != claim.session
    if running and known.silent_seconds < SILENT_SECONDS:
        return Waits()
    return Joins()
