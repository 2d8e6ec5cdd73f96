"""
The table of providers, and the way from a request's host, method and path to its endpoint.
"""

from llmcap.providers import anthropic, google, openai
from llmcap.providers.shape import Endpoint, Provider

PROVIDERS: tuple[Provider, ...] = (openai.PROVIDER, anthropic.PROVIDER, google.PROVIDER)

_EXACT: dict[str, Provider] = {}
_SUFFIXES: dict[str, Provider] = {}
for _provider in PROVIDERS:
    for _host in _provider.hosts:
        _table = _SUFFIXES if _host.startswith("*.") else _EXACT
        _name = _host.removeprefix("*.")
        assert _name not in _table, f"two providers claim the host {_host}"
        _table[_name] = _provider


def provider_of(host: str) -> Provider | None:
    """Whose host it is, if it is a provider's: by its name, else by the longest known suffix."""
    host = host.lower().rstrip(".")
    found = _EXACT.get(host)
    while found is None and host:
        _, _, host = host.partition(".")
        found = _SUFFIXES.get(host)
    return found


def match(host: str, method: str, path: str) -> tuple[Provider, Endpoint | None] | None:
    """
    The provider and the endpoint of a request.

    None for hosts that are no provider's; the endpoint is None where the provider's file does not
    know the method and path.
    """
    provider = provider_of(host)
    if provider is None:
        return None
    return provider, provider.match(method.upper(), path)
