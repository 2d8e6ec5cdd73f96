"""Promise: credentials that run out go on at the proxy that stands, while a command runs."""

from collections.abc import Sequence
from pathlib import Path

from llmcap.confine.handover import Lent
from llmcap.keys.aws import Aws, Told
from llmcap.keys.sigv4 import Credentials
from llmcap.keys.swap import Key, Keys
from llmcap.launch import up
from llmcap.launch.throughup import Renewing, lent_of
from llmcap.words.errors import ConfigError

FIRST = Credentials("ASIA1111", "secret/1", "token=1")
SECOND = Credentials("ASIA2222", "secret/2", "token=2")


class Source:
    """Credentials of a session, which are renewed, or cannot be."""

    def __init__(self) -> None:
        self.now: Credentials | None = FIRST

    def read(self) -> Credentials:
        """As they are now."""
        if self.now is None:
            raise ConfigError("keys: aws-bedrock: the session is over")
        return self.now

    def region(self) -> str:
        """None."""
        return ""

    def files(self) -> Sequence[Path]:
        """None."""
        return ()


def test_a_renewed_session_is_told_once_and_signs_from_then_on() -> None:
    """What it was before is still taken out of answers; one that cannot be renewed stays."""
    source = Source()
    ours = Aws("aws-bedrock", source)
    theirs = Keys([])
    lent = lent_of(Keys([Key("openai", "sk-real", "sk-none")], [ours]))
    back = up.lend(theirs, lent)
    told: list[Sequence[Lent]] = []

    def tell(lent: Sequence[Lent]) -> None:
        told.append(lent)
        up.renew(theirs, lent)

    renewing = Renewing([ours], lent, tell)
    renewing.look_once()
    source.now = SECOND
    renewing.look_once()
    source.now = None
    renewing.look_once()
    assert len(told) == 1
    signer = theirs.signer(ours.stand_in)
    assert signer is not None
    assert signer.current() == SECOND
    shown = theirs.taken_out_of(b"sk-real secret/1 token=1 ASIA2222 secret/2 token=2")
    assert not any(part in shown for part in (b"real", b"secret", b"token", b"ASIA"))
    back()
    assert theirs.signer(ours.stand_in) is None
    assert not theirs


def test_a_session_that_was_renewed_before_the_command_began_is_told() -> None:
    """It counts what the proxy was told, and not what they were when somebody began to look."""
    source = Source()
    ours = Aws("aws-bedrock", source)
    lent = lent_of(Keys([], [ours]))
    source.now = SECOND
    told: list[Sequence[Lent]] = []
    renewing = Renewing([ours], lent, told.append)
    renewing.look_once()
    renewing.look_once()
    assert [each.real for (each,) in told] == [SECOND.told()]


def test_credentials_without_a_session_are_told_whole() -> None:
    """Their secret may have any sign of its alphabet."""
    plain = Credentials("AKIA1", "a/b+c=")
    assert Credentials.of(plain.told()) == plain
    assert Credentials.of(FIRST.told()) == FIRST
    assert Told(plain).read() == plain
