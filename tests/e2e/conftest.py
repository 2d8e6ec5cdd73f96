"""The real mitmdump, a fake provider, and programs that know of neither."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from company_proxy import CompanyProxy
from fake_provider.process import ROOT, ProviderHandle, provider_process
from fake_provider.proxy import ProxyHandle, proxy_process
from fake_provider.tls import HOSTS
from warm_python import WarmPython

from .people import User

CLIENTS = ROOT / ".venv-clients" / "bin" / "python"
PROGRAMS = ROOT / "tests" / "clients"
PROGRAM_SECONDS = 900  # ends what hangs

Start = Callable[..., ProxyHandle]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is marked, so that `-m 'not e2e'` leaves it out."""
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def provider_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderHandle]:
    """One provider for all tests of a worker."""
    with provider_process(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def provider(provider_for_all: ProviderHandle) -> ProviderHandle:
    """The provider with an empty bill and good behaviour."""
    provider_for_all.reset()
    provider_for_all.scenario()
    return provider_for_all


@pytest.fixture
def start(provider: ProviderHandle, tmp_path: Path) -> Iterator[Start]:
    """Starts mitmdump with LLMCap: `start(cap="0.05")`; more in `proxy_process`."""
    with ExitStack() as stack:

        def starter(folder: Path = tmp_path / "proxy", **settings: Any) -> ProxyHandle:
            process: AbstractContextManager[ProxyHandle]
            process = proxy_process(folder, provider, warm=True, **settings)
            return stack.enter_context(process)

        yield starter


class Run(Protocol):
    """Runs a program of tests/clients and returns the lines that it printed."""

    def __call__(
        self, proxy: ProxyHandle, *arguments: str, user: str = "", **environ: str
    ) -> list[dict[str, Any]]:
        """The lines, parsed."""
        ...


@pytest.fixture(scope="session")
def warm_clients() -> Iterator[WarmPython]:
    """The clients' Python, with what most programs begin with."""
    with WarmPython(CLIENTS, ["anthropic", "google.genai", "openai"]) as warm:
        yield warm


@pytest.fixture
def run(warm_clients: WarmPython) -> Run:
    """Runs a client in its own environment with the proxy's variables set, and nothing else."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not made: run scripts/test once")
    return partial(run_program, warm_clients)


def run_program(
    warm: WarmPython, proxy: ProxyHandle, *arguments: str, user: str = "", **environ: str
) -> list[dict[str, Any]]:
    """Run `NAME_program.py` with arguments; its exit code must be 0, or its trace is shown."""
    name, *rest = arguments
    command = [str(PROGRAMS / f"{name}_program.py"), *rest]
    done = warm.run(command, proxy.environ(user=user, **environ), PROGRAM_SECONDS)
    assert done.returncode == 0, f"{done.stderr}\n--- mitmdump:\n{proxy.log()}"
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def company(provider: ProviderHandle) -> Iterator[CompanyProxy]:
    """The company's proxy; it knows the way to the providers only, without TLS too."""
    routes = dict.fromkeys(HOSTS, provider.port)
    routes |= dict.fromkeys((f"{host}:80" for host in HOSTS), provider.plain_port)
    with CompanyProxy(routes) as proxy:
        yield proxy


@pytest.fixture
def user(provider: ProviderHandle, company: CompanyProxy, tmp_path: Path) -> User:
    """A user with an empty home."""
    return User(provider, company, tmp_path)
