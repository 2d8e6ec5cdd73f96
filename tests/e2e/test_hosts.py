"""Hosts that sell model calls: metered, refused or told of, and none passes in silence."""

import json
import socket
import ssl

from fake_provider.process import ProviderHandle

from .conftest import Start
from .people import User
from .plainly import answered, connected, post, tunnelled

USE, FLAT = "fal.run", "ampcode.com"
CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}


def handshaken(connection: socket.socket, provider: ProviderHandle, host: str) -> bool:
    """Whether the host itself, and nobody in its place, answers a handshake."""
    context = ssl.create_default_context(cafile=str(provider.ca))
    try:
        with context.wrap_socket(connection, server_hostname=host) as tls:
            return bool(tls.getpeercert())
    except (ssl.SSLError, ConnectionError):
        return False


def test_what_bills_by_use_is_not_reached_and_what_is_paid_flat_is_told(
    start: Start, provider: ProviderHandle
) -> None:
    """By whatever way its name is known: a tunnel, a plain request, a handshake."""
    proxy = start(cap="5")
    for _ in range(2):
        with tunnelled(proxy, USE, provider.port) as (_, answer):
            assert (answer.status, answer.reason) == (403, "Forbidden")
            assert b"pass_hosts: [fal.run]" in answer.read()
    with connected(proxy) as connection:
        connection.sendall(
            f"GET http://{USE}:{provider.port}/x HTTP/1.1\r\nHost: {USE}\r\n\r\n".encode()
        )
        with answered(connection) as answer:
            assert answer.status == 403
            assert json.load(answer)["error"]["code"] == "unmetered_host"
    # As for clients that their network sent here: only the handshake has a name.
    with tunnelled(proxy, "127.0.0.1", provider.port) as (connection, answer):
        assert answer.status == 200
        assert not handshaken(connection, provider, USE)
    for host in ("localhost", FLAT, FLAT):
        with tunnelled(proxy, host, provider.port) as (connection, answer):
            assert answer.status == 200
            assert handshaken(connection, provider, host)
    assert provider.bill()["records"] == []
    assert proxy.log().count("fal.run sells pictures and films and is not metered") == 1
    assert proxy.log().count("it passes, and no budget counts it") == 1


def test_the_config_decides(start: Start, provider: ProviderHandle) -> None:
    """For all of them, and for one."""
    proxy = start(cap="5", config="unmetered_hosts: refuse\npass_hosts: [fal]")
    with tunnelled(proxy, FLAT, provider.port) as (_, answer):
        assert answer.status == 403
    with tunnelled(proxy, USE, provider.port) as (connection, answer):
        assert answer.status == 200
        assert handshaken(connection, provider, USE)
    assert "fal.run" not in proxy.log()


def test_a_seller_without_prices_is_refused_until_it_has_one(
    start: Start, provider: ProviderHandle
) -> None:
    """It speaks a format that is known: with a price in the config it is metered like anyone."""
    url = "https://api.parasail.io/v1/chat/completions"
    status, said = post(start(cap="5"), url, CALL)
    assert status == 400
    assert "parasail/gpt-4o-mini: {input: ..., output: ...}" in said
    assert provider.bill()["records"] == []
    price = "prices: {parasail/gpt-4o-mini: {input: 0.15, output: 0.60}}"
    proxy = start(cap="5", config=price)
    assert post(proxy, url, CALL)[0] == 200
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos() > 0


def test_no_spelling_and_no_gateway_goes_round_the_cap(start: Start) -> None:
    """The path is read as a server would, and the vendor behind a gateway has its prices."""
    proxy = start(cap="0")
    for url in (
        "https://api.openai.com//v1/./chat/completions/",
        "https://api.openai.com/v1/chat/%63ompletions",
        "https://api.openai.com/V1/Chat/Completions",
        "https://api.openai.com/v1%2Fchat/completions",
        "https://oai.helicone.ai/v1/chat/completions",
    ):
        status, said = post(proxy, url, CALL)
        # Whoever asks on a second after a refusal is told so by the status that ends it.
        assert status in {429, 402}, url
        assert "cap" in said


def test_the_small_proxy_of_run_refuses_them_too(user: User) -> None:
    """`llmcap run` has a master of its own."""
    curl = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_connect}", f"https://{USE}/x")
    done = user.run("--cap", "1", "--", *curl)
    assert done.stdout == "403"
    assert "is not metered" in done.stderr
