"""
Files on their way to a provider, read for the calls that will be ordered of them.

An upload costs nothing and always passes. A batch names the file and nothing else, so what the file
asks for at most is summed up here, while it is seen, and kept under the id that the provider gives
it. What was not seen, or not understood, cannot be ordered under a budget.
"""

from functools import partial
from typing import override

from llmcap.bounds.lots import to_json
from llmcap.providers.parts.shape import Request, Work
from llmcap.shared.state import Shared
from llmcap.walk.deferred import Deferred, Watched
from llmcap.walk.ordering import with_named
from llmcap.words.errors import FormatError


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
        allowed = self._shared.policy.allow_fields
        named = partial(with_named, self._shared, watched.provider)
        lines = self._shared.uploads.of(
            piece, watched.provider, watched.endpoint, named=named, allowed=allowed
        )
        if lines is not None:
            self._work = lines.take(self._request, piece)
            self._shared.tell_unread(watched.provider.name, sorted(lines.unread))

    @override
    def finish(self) -> None:
        """The provider took it, under a name: remember what it asks for."""
        if self._meter is None or self._work is None:
            return
        file_id = self._meter.finish().response_id
        if file_id and 200 <= self._status < 300:
            shared, provider = self._shared, self._watched.call.provider
            work = to_json(self._work)
            shared.record(lambda: shared.ledger.keep_file(provider, file_id, work))
