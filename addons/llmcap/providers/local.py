"""
Servers on the user's own machine: Ollama, LM Studio, llama.cpp, vLLM.

Nobody bills them, which the price book says in so many words. They are known by their paths, on
plain HTTP to this machine, so a web application under development is not taken for one by its
host; and what cannot be read is let through as it is, since nothing can be lost by it.
"""

from llmcap.providers import ollama
from llmcap.providers.compatible import Api, Read, anthropic_api, openai_api
from llmcap.providers.compatible_tools import no_tools
from llmcap.providers.parts.routes import Routes
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Provider, Request
from llmcap.words.errors import FormatError

HOSTS = ("localhost", "127.0.0.1", "::1", "host.docker.internal")


def lenient(read: Read) -> Read:
    """The same, of which nothing is refused for being unreadable."""

    def read_leniently(request: Request) -> Ask:
        try:
            return read(request)
        except FormatError:
            return Ask(model="", generates=False, hidden_work=False)

    return read_leniently


_ROUTES = Routes(
    (
        *ollama.routes(lenient),
        *openai_api(
            "/v1",
            api=Api(reads=lenient, tools=no_tools, dialect="ollama"),
        ),
        *anthropic_api("/v1"),
    )
)


def _works(endpoint: Endpoint) -> bool:
    """Whether a model answers at once: files and orders of later work are an application's own."""
    return endpoint.billing is Billing.METERED and endpoint.order is None


def match(method: str, path: str) -> Endpoint | None:
    """What a model works for; all the rest of this machine's servers is nobody's business."""
    found = _ROUTES(method, path)
    return found if found is not None and _works(found) else None


PROVIDER = Provider(
    name="local",
    hosts=HOSTS,
    match=match,
    api_only=False,
    paid_flat=True,
    dialect="ollama",
    routes=tuple(route for route in _ROUTES.table if _works(route[2])),
)
