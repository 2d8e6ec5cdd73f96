"""
Files on their way to a provider, read for the calls that will be ordered of them.

An upload costs nothing and always passes. A batch names the file and nothing else, so what the file
asks for at most is summed up here, while it is seen, and kept under the id that the provider gives
it. What was not seen, or not understood, cannot be ordered under a budget.
"""

from functools import partial
from typing import override

from llmcap.deferred import Deferred, Watched
from llmcap.errors import FormatError, LedgerError
from llmcap.lots import from_json, summed, to_json
from llmcap.providers.orders import with_lots
from llmcap.providers.shape import Ask, Endpoint, Provider, Request, Work
from llmcap.shared.state import Shared


class Upload(Deferred):
    """One request of an upload: all of a file, or a piece of it."""

    def __init__(self, shared: Shared, watched: Watched, request: Request) -> None:
        super().__init__(shared, watched)
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
        lines = self._shared.uploads.of(piece, watched.provider, watched.endpoint)
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
            self._shared.ledger.keep_file(self._watched.call.provider, file_id, work)
        except LedgerError as error:
            self._shared.unsettled.append(partial(self._keep, file_id, work))
            self._shared.notify("ledger_error", str(error))


# --- orders ---------------------------------------------------------------------------------


def ordered(shared: Shared, provider: Provider, endpoint: Endpoint, ask: Ask) -> Ask:
    """
    What a request asks for, with the work that it orders of files or brings along in parts.

    Raises `FormatError` where that is not known.
    """
    if ask.files:
        assert endpoint.order is not None, endpoint.name
        ask = endpoint.order(ask, [_work(shared, provider, each) for each in ask.files])
    if ask.parts:
        ask = with_lots(ask, summed(ask.parts, family=provider.name))
    return ask


def _work(shared: Shared, provider: Provider, file_id: str) -> Work:
    kept = shared.ledger.file(provider.name, file_id)
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
