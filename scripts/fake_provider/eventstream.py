"""AWS's framing of a stream of events, `application/vnd.amazon.eventstream`."""

from binascii import crc32
from struct import pack


def message(name: str, payload: bytes) -> bytes:
    """
    One message; a name that begins with `!` is an exception's.

    Two lengths and their checksum, the headers, the payload, and the checksum of all.
    """
    failed = name.startswith("!")
    headers = {
        ":message-type": "exception" if failed else "event",
        ":exception-type" if failed else ":event-type": name.removeprefix("!"),
        ":content-type": "application/json",
    }
    head = b"".join(
        pack("!B", len(key)) + key.encode() + pack("!BH", 7, len(value)) + value.encode()
        for key, value in headers.items()
    )
    lengths = pack("!II", 16 + len(head) + len(payload), len(head))
    whole = lengths + pack("!I", crc32(lengths)) + head + payload
    return whole + pack("!I", crc32(whole))
