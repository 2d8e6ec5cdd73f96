r"""
A JSON array whose elements arrive one after the other: `[{...}` `,\r\n{...}` `]`.

Google's APIs stream so unless the client asks for server-sent events. Only the brackets that hold
an element together are followed here, outside of strings; whether it is valid JSON is seen when it
is parsed. Elements that are no object or array are skipped, as no API sends any.
"""

import re

from llmcap.words.errors import FormatError

ELEMENT_BYTES_MAX = 32 * 1024 * 1024

# What can matter inside an element, and inside a string of it.
_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'["\\]')


class ArrayDecoder:
    """Bytes to the elements of the one array that they are."""

    def __init__(self, *, element_bytes_max: int = ELEMENT_BYTES_MAX) -> None:
        self._element_bytes_max = element_bytes_max
        self._element = bytearray()
        self._depth = 0  # 1 inside the array, 2 and more inside an element
        self._in_string = False
        self._escaped = False

    def decode(self, data: bytes) -> list[bytes]:
        """The elements that are whole now. Raises `FormatError` where one is past its bound."""
        elements: list[bytes] = []
        position = kept = 0  # `data` before `kept` is dealt with
        while position < len(data):
            if self._in_string:
                position = self._pass_string(data, position)
                continue
            found = _STRUCTURE.search(data, position)
            if found is None:
                break
            position = found.end()
            mark = found[0]
            if mark == b'"':
                self._in_string = True
            elif mark in b"{[":
                if self._depth == 1:
                    kept = found.start()
                self._depth += 1
            else:
                self._depth = max(self._depth - 1, 0)
                if self._depth == 1:
                    elements.append(bytes(self._element) + data[kept:position])
                    self._element.clear()
                    kept = position
        if self._depth > 1:
            self._element += data[kept:]
            if len(self._element) > self._element_bytes_max:
                raise FormatError(f"an element is longer than {self._element_bytes_max} bytes")
        return elements

    def flush(self) -> list[bytes]:
        """Nothing: an element that is not closed is not whole."""
        return []

    def _pass_string(self, data: bytes, position: int) -> int:
        """Where to go on: after the string, after an escape in it, or at the end of the data."""
        if self._escaped:
            self._escaped = False
            return position + 1
        found = _STRING_END.search(data, position)
        if found is None:
            return len(data)
        if found[0] == b"\\":
            self._escaped = True
        else:
            self._in_string = False
        return found.end()
