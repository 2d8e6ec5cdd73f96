#!/usr/bin/env python3
"""
Pack tiktoken's o200k_base vocabulary into `addons/llmcap/data`: `pack_vocabulary.py FILE`.

FILE is the published text form (o200k_base.tiktoken, or tiktoken's cached copy of it): one token a
line, base64, a space, its rank. Refused unless its hash is the one that tiktoken demands and its
ranks count up from 0. Needed once per vocabulary; the packed form is kept in the repository.
"""

import base64
import hashlib
import sys
import zlib
from pathlib import Path

TARGET = Path(__file__).parent.parent / "addons/llmcap/data/o200k_base.tokens.zlib"
PUBLISHED_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


def pack(text: bytes) -> bytes:
    """Lengths of all tokens, one byte each, then the tokens."""
    lines = [line.split() for line in text.splitlines()]
    if any(int(rank) != position for position, (_, rank) in enumerate(lines)):
        sys.exit("the ranks do not count up from 0: this form cannot hold them")
    tokens = [base64.b64decode(token) for token, _ in lines]
    return bytes(len(token) for token in tokens) + b"".join(tokens)


def main() -> None:
    """Read, check, pack, write, and print what `vocabulary.py` has to know."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FILE")
    text = Path(sys.argv[1]).read_bytes()
    if (found := hashlib.sha256(text).hexdigest()) != PUBLISHED_SHA256:
        sys.exit(f"{sys.argv[1]} has the SHA-256 {found}, expected {PUBLISHED_SHA256}")
    data = pack(text)
    TARGET.write_bytes(zlib.compress(data, level=9))
    print(f"SHA256 = {hashlib.sha256(data).hexdigest()}")
    print(f"TOKENS = {text.count(b'\n')}")


if __name__ == "__main__":
    main()
