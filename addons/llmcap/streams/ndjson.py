"""
One JSON document a line: NDJSON, JSON Lines, and whatever a provider calls it.

https://github.com/ndjson/ndjson-spec. Lines end with LF; a CR before it is whitespace to JSON.
"""

from llmcap.words.errors import FormatError

LINE_BYTES_MAX = 32 * 1024 * 1024


class LineDecoder:
    """Bytes to lines that are not blank."""

    def __init__(self, *, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._line_bytes_max = line_bytes_max
        self._partial: list[bytes] = []
        self._partial_bytes = 0

    def decode(self, data: bytes) -> list[bytes]:
        """The lines that are whole now. Raises `FormatError` where one is past its bound."""
        *whole, rest = data.split(b"\n")
        if whole and self._partial:
            whole[0] = b"".join((*self._partial, whole[0]))
            self._partial.clear()
            self._partial_bytes = 0
        if rest:
            self._partial.append(rest)
            self._partial_bytes += len(rest)
            if self._partial_bytes > self._line_bytes_max:
                raise FormatError(f"a line is longer than {self._line_bytes_max} bytes")
        return [line for line in whole if line.strip()]

    def flush(self) -> list[bytes]:
        """The last line, where it has no end."""
        line = b"".join(self._partial)
        self._partial.clear()
        self._partial_bytes = 0
        return [line] if line.strip() else []
