"""
A call that orders work of files: what those files ask for, as the ledger remembers them.

A batch names a file and nothing else. What the file asks for at most was summed up when it was
uploaded; what was not seen then, or not understood, cannot be ordered under a budget.
"""

from llmcap.errors import FormatError
from llmcap.lots import from_json, summed
from llmcap.providers.orders import with_lots
from llmcap.providers.shape import Ask, Endpoint, Provider, Work
from llmcap.shared.state import Shared


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
