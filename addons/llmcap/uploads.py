"""
Files on their way to a provider, read for the calls that will be ordered of them.

An upload costs nothing and always passes. A batch names the file and nothing else, so what the file
asks for at most is summed up here, while it is seen, and kept under the id that the provider gives
it. What was not seen, or not understood, cannot be ordered under a budget.
"""

from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, override

from llmcap.deferred import Deferred, Watched
from llmcap.errors import FormatError, LedgerError
from llmcap.lots import Sums, from_json, summed, to_json
from llmcap.providers.content import texts
from llmcap.providers.orders import with_lots
from llmcap.providers.shape import Ask, Endpoint, Piece, Provider, Request, Work
from llmcap.streams.ndjson import LineDecoder

if TYPE_CHECKING:
    from llmcap.firewall import Firewall

# How many uploads in pieces may be under way at once.
OPEN_MAX = 64

# How much text of one file is counted by a tokenizer: some seconds of one processor.
COUNTED_BYTES_MAX = 64 * 1024 * 1024


class Upload(Deferred):
    """One request of an upload: all of a file, or a piece of it."""

    def __init__(self, firewall: "Firewall", watched: Watched, request: Request) -> None:
        super().__init__(firewall, watched)
        self._request = request
        self._work: Work | None = None

    @property
    def size(self) -> int:
        """Bytes to be read."""
        return len(self._request.body)

    def read(self) -> None:
        """Sum up what the file asks for; slow for a large one, and safe in a thread."""
        watched = self._watched
        assert watched.endpoint.upload is not None, watched.endpoint.name
        try:
            piece = watched.endpoint.upload(self._request)
        except FormatError as error:
            self._work = Work("", unreadable=str(error))
            return
        if piece is None:
            return
        lines = self._firewall.uploads.of(piece, watched.provider, watched.endpoint)
        if lines is not None:
            self._work = lines.take(self._request, piece)

    @override
    def finish(self) -> None:
        """The provider took it, under a name: remember what it asks for."""
        if self._meter is None or self._work is None:
            return
        file_id = self._meter.finish().response_id
        if file_id and 200 <= self._status < 300:
            self._keep(file_id, to_json(self._work))

    def _keep(self, file_id: str, work: str) -> None:
        """Now, or as soon as the ledger can be written."""
        try:
            self._firewall.ledger.keep_file(self._watched.call.provider, file_id, work)
        except LedgerError as error:
            self._firewall.unsettled.append(partial(self._keep, file_id, work))
            self._firewall.notify("ledger_error", str(error))


class Lines:
    """The lines of one file, summed up as they come."""

    def __init__(self, firewall: "Firewall", provider: Provider, endpoint: Endpoint) -> None:
        self._firewall = firewall
        self._provider = provider
        self._endpoint = endpoint
        self._decoder = LineDecoder()
        self._sums = Sums(provider.name)
        self._number = 0
        self._offset = 0
        self._unreadable = ""

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
            ask = self._endpoint.line(request, piece, line, self._provider.match)
            self._sums.add(ask, counted=self._counted(request, line, ask))

    def _counted(self, request: Request, line: bytes, ask: Ask) -> int | None:
        if not ask.text_bytes or self._offset > COUNTED_BYTES_MAX:
            return None
        one = Request(method="POST", host=request.host, path="", body=line)
        return self._firewall.counter.bound(texts(one), family=self._provider.name)


class Uploads:
    """Uploads that come in pieces; the memory is bounded, and what is forgotten is not readable."""

    def __init__(self, firewall: "Firewall") -> None:
        self._firewall = firewall
        self._open: OrderedDict[tuple[str, str], Lines] = OrderedDict()

    def of(self, piece: Piece, provider: Provider, endpoint: Endpoint) -> Lines | None:
        """Who reads this piece: who read those before it; None where nobody did."""
        if not piece.upload:
            return Lines(self._firewall, provider, endpoint)
        key = (provider.name, piece.upload)
        found = self._open.pop(key, None)
        if found is None and piece.offset:
            return None
        found = found or Lines(self._firewall, provider, endpoint)
        if not piece.last:
            self._open[key] = found
            if len(self._open) > OPEN_MAX:
                self._open.popitem(last=False)
        return found


# --- orders ---------------------------------------------------------------------------------


def ordered(firewall: "Firewall", provider: Provider, endpoint: Endpoint, ask: Ask) -> Ask:
    """
    What a request asks for, with the work that it orders of files or brings along in parts.

    Raises `FormatError` where that is not known.
    """
    if ask.files:
        assert endpoint.order is not None, endpoint.name
        ask = endpoint.order(ask, [_work(firewall, provider, each) for each in ask.files])
    if ask.parts:
        ask = with_lots(ask, summed(ask.parts, family=provider.name))
    return ask


def _work(firewall: "Firewall", provider: Provider, file_id: str) -> Work:
    kept = firewall.ledger.file(provider.name, file_id)
    if kept is None:
        raise FormatError(
            f"LLMCap has not seen what is in the file {file_id}: upload it again through LLMCap, "
            "in one request, and name the new file"
        )
    work = from_json(kept)
    if work.unreadable:
        raise FormatError(
            f"the file {file_id} could not be read when it was uploaded: {work.unreadable}"
        )
    return work
