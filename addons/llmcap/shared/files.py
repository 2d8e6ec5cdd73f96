"""
Files that come in pieces, between the calls that bring them: read line by line, and summed up.

The memory is bounded. A file of which a piece was not seen, or not understood, is not readable.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable

from llmcap.bounds.estimate import TokenCounter
from llmcap.bounds.lots import Sums
from llmcap.providers.parts.content import texts
from llmcap.providers.parts.declared import allowing, unread_names
from llmcap.providers.parts.shape import Ask, Endpoint, Piece, Provider, Request, Work
from llmcap.streams.ndjson import LineDecoder
from llmcap.words.errors import FormatError

# How many uploads in pieces may be under way at once.
OPEN_MAX = 64

# How much text of one file is counted by a tokenizer: some seconds of one processor.
COUNTED_BYTES_MAX = 64 * 1024 * 1024


Named = Callable[[Ask], Ask]


def _as_it_is(ask: Ask) -> Ask:
    return ask


class Lines:
    """
    The lines of one file, summed up as they come.

    `named` adds to a line the models that stand in what nobody has read of it: what is kept of the
    file has no text of its lines, so they are looked up now.
    """

    def __init__(
        self,
        counter: TokenCounter,
        provider: Provider,
        endpoint: Endpoint,
        *,
        named: Named = _as_it_is,
        allowed: Collection[str] = (),
    ) -> None:
        self._counter = counter
        self._provider = provider
        self._endpoint = endpoint
        self._decoder = LineDecoder()
        self._sums = Sums(provider.name)
        self._number = 0
        self._offset = 0
        self._unreadable = ""
        self._allowed = allowed
        self._named = named
        self.unread: set[str] = set()  # fields that nobody knows

    def take(self, request: Request, piece: Piece) -> Work | None:
        """The next piece; the work of the whole file with its last one."""
        if piece.data and piece.offset + len(piece.data) == self._offset:
            return None  # sent once more, as nobody had answered
        if piece.offset != self._offset:
            self._unreadable = self._unreadable or "its pieces did not come in order"
        self._offset += len(piece.data)
        if not self._unreadable:
            try:
                self._read(request, piece, self._decoder.decode(piece.data))
                if piece.last:
                    self._read(request, piece, self._decoder.flush())
            except FormatError as error:
                self._unreadable = f"line {self._number}: {error}"
            except Exception as error:  # noqa: BLE001 - the file passes, what it asks for does not
                self._unreadable = f"line {self._number}: LLMCap failed: {type(error).__name__}"
        if not piece.last:
            return None
        return Work(piece.purpose, self._sums.lots(), self._unreadable)

    def _read(self, request: Request, piece: Piece, lines: Iterable[bytes]) -> None:
        assert self._endpoint.line is not None, self._endpoint.name
        for line in lines:
            self._number += 1
            ask = allowing(self._endpoint.line(request, piece, line, self._provider), self._allowed)
            self.unread |= set(unread_names(ask))
            ask = self._named(ask)
            self._sums.add(ask, counted=self._counted(request, line, ask))

    def _counted(self, request: Request, line: bytes, ask: Ask) -> int | None:
        if not ask.text_bytes or self._offset > COUNTED_BYTES_MAX:
            return None
        one = Request(method="POST", host=request.host, path="", body=line)
        return self._counter.bound(texts(one), family=self._provider.name)


class Uploads:
    """Uploads that come in pieces; the memory is bounded, and what is forgotten is not readable."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._open: OrderedDict[tuple[str, str], Lines] = OrderedDict()

    def of(
        self,
        piece: Piece,
        provider: Provider,
        endpoint: Endpoint,
        *,
        named: Named = _as_it_is,
        allowed: Collection[str] = (),
    ) -> Lines | None:
        """Who reads this piece: who read those before it; None where nobody did."""
        lines = Lines(self._counter, provider, endpoint, named=named, allowed=allowed)
        if not piece.upload:
            return lines
        key = (provider.name, piece.upload)
        found = self._open.pop(key, None)
        if found is None and piece.offset:
            return None
        found = found or lines
        if not piece.last:
            self._open[key] = found
            if len(self._open) > OPEN_MAX:
                self._open.popitem(last=False)
        return found
