"""
The key of a ledger, with which is signed what pruning leaves: ed25519, a file beside the ledger.

Its public half goes out with each seal that is printed, to be kept elsewhere. The file is for its
owner only, and whoever has it can sign anything: it says nothing against the ledger's own user. It
does against whoever may write the ledger and not read the file: another program or user that has
the database, or who edits a copy that is put back.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from llmcap.words.errors import LedgerError
from llmcap.words.paths import secret_in

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_BYTES = 32
KEY_DIGITS = 2 * KEY_BYTES  # as it is printed


def key_path(ledger: Path) -> Path:
    """Where the private half is."""
    return ledger.with_suffix(".seal-key")


def signing_key(ledger: Path) -> "Ed25519PrivateKey":
    """The key of a ledger; made where there is none. Raises `LedgerError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 (few ever sign)
        Ed25519PrivateKey,
    )

    path = key_path(ledger)
    try:
        secret = secret_in(path, lambda: Ed25519PrivateKey.generate().private_bytes_raw())
        return Ed25519PrivateKey.from_private_bytes(secret)
    except OSError as error:
        raise LedgerError(
            f"{path}: the key that signs what is pruned cannot be made or read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise LedgerError(
            f"{path}: this is no key: it has {path.stat().st_size} bytes, expected {KEY_BYTES}\n"
            "hint: put back the file as it was, or move it away: another key is made, and "
            "seals that were kept name the old one"
        ) from error


def public_key(ledger: Path) -> str:
    """The public half of its key. Raises `LedgerError`."""
    return public_half(signing_key(ledger))


def public_half(key: "Ed25519PrivateKey") -> str:
    """That of a key, in hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def is_signed(text: str, signature: str, key: str) -> bool:
    """Whether a text was signed with the key of this public half."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (likewise)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
