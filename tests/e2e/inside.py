"""
A mode of mitmproxy that needs a network of its own: run in new namespaces, and tell as JSON.

    unshare -rnm python inside.py MODE FOLDER

There is one machine in it, or two: an address stands for the provider's, and what is said to its
port 443 by the proxy itself reaches the fake provider.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fake_provider.process import ProviderHandle, provider_process
from fake_provider.proxy import ProxyHandle, proxy_process

sys.path.insert(0, str(Path(__file__).parent))

from exercise import CONFIG, exercise

PROVIDER = "10.9.9.9"  # where clients find the provider
PROXY = "10.9.9.2"  # from where the proxy calls it
ROUTED = "10.9.9.8"  # another address of the provider's, which is none of this machine's
TUN = "tun-llmcap"
RESOLVED = ("--resolve", f"api.openai.com:443:{PROVIDER}")


def run(*command: str, given: str = "") -> str:
    """A command of the system."""
    return subprocess.run(
        command, check=True, text=True, input=given, stdout=subprocess.PIPE
    ).stdout


def lay_out() -> None:
    """The addresses of this machine."""
    run("ip", "link", "set", "lo", "up")
    for address in (PROVIDER, PROXY):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")


def redirect(provider: ProviderHandle, *, to_proxy: int | None = None) -> None:
    """What the proxy says to the provider's address gets there; what others say, to the proxy."""
    to = f"ip daddr {{ {PROVIDER}, {ROUTED} }} tcp dport 443"
    rules = [f"ip saddr {PROXY} {to} dnat to 127.0.0.1:{provider.port}"]
    if to_proxy is not None:
        rules.append(f"ip saddr != {PROXY} {to} redirect to :{to_proxy}")
    chain = "type nat hook output priority -100;"
    body = "\n".join((chain, *rules))
    run("nft", "-f", "-", given=f"table ip nat {{\nchain output {{\n{body}\n}}\n}}\n")


def transparent(folder: Path, provider: ProviderHandle) -> dict[str, Any]:
    """The kernel leads every connection of this machine to the proxy, but the proxy's own."""
    options = ["--mode", "transparent", "--set", f"connect_addr={PROXY}"]
    with proxy_process(folder, provider, config=CONFIG, options=options) as proxy:
        redirect(provider, to_proxy=proxy.port)
        return exercise(proxy, provider, ["curl", *RESOLVED]) | {"port": proxy.port}


def local(folder: Path, provider: ProviderHandle) -> dict[str, Any]:
    """mitmproxy's own redirector leads the connections of one program to the proxy."""
    # It looks at every program of the machine: this name has no other.
    program = folder / "llmcap-curl"
    shutil.copy(shutil.which("curl") or "", program)
    run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")
    options = ["--mode", f"local:{program.name}", "--set", f"connect_addr={PROXY}"]
    with proxy_process(folder, provider, config=CONFIG, options=options) as proxy:
        redirect(provider)
        return exercise(proxy, provider, [str(program), *RESOLVED])


def wireguard(folder: Path, provider: ProviderHandle) -> dict[str, Any]:
    """A machine of its own, whose only way out is a tunnel that ends in the proxy."""
    options = ["--mode", "wireguard", "--set", f"connect_addr={PROXY}"]
    with proxy_process(folder, provider, config=CONFIG, options=options) as proxy:
        redirect(provider)
        with tunnel(folder, proxy) as other:
            found = exercise(proxy, provider, [*other, "curl", *RESOLVED])
            return found | {"port": proxy.port}


@contextlib.contextmanager
def tunnel(folder: Path, proxy: ProxyHandle) -> Iterator[list[str]]:
    """
    The machine at the other end of the tunnel; gives what runs a command on it.

    The interface is made here, where its packets can reach the proxy, and then moved there.
    """
    run("mount", "-t", "tmpfs", "none", "/var/run")
    Path("/var/run/wireguard").mkdir()
    keys = json.loads((folder / "confdir" / "wireguard.conf").read_text())
    config = folder / "wg.conf"
    config.write_text(
        f"[Interface]\nPrivateKey = {keys['client_key']}\n"
        f"[Peer]\nPublicKey = {run('wg', 'pubkey', given=keys['server_key']).strip()}\n"
        f"AllowedIPs = 0.0.0.0/0\nEndpoint = 127.0.0.1:{proxy.port}\n"
    )
    with subprocess.Popen(["unshare", "-n", "sleep", "600"]) as machine:
        other = ["nsenter", "-t", str(machine.pid), "-n"]
        try:
            wait_until_apart(machine.pid)
            run("wireguard-go", "wg-llmcap")
            run("wg", "setconf", "wg-llmcap", str(config))
            run("ip", "link", "set", "wg-llmcap", "netns", str(machine.pid))
            run(*other, "ip", "address", "add", "10.0.0.1/32", "dev", "wg-llmcap")
            run(*other, "ip", "link", "set", "wg-llmcap", "up")
            run(*other, "ip", "route", "add", "default", "dev", "wg-llmcap")
            yield other
        finally:
            machine.terminate()


def wait_until_apart(pid: int) -> None:
    """Until a process has a network of its own."""
    ours, its = (Path(f"/proc/{each}/ns/net") for each in ("self", pid))
    while its.readlink() == ours.readlink():
        time.sleep(0.01)


def tun(folder: Path, provider: ProviderHandle) -> dict[str, Any]:
    """An interface, and whatever is routed to it."""
    options = ["--mode", f"tun:{TUN}", "--set", f"connect_addr={PROXY}"]
    with proxy_process(folder, provider, config=CONFIG, options=options) as proxy:
        redirect(provider)
        run("ip", "address", "add", "10.9.8.1/32", "dev", TUN)
        run("ip", "link", "set", TUN, "up")
        run("ip", "route", "add", ROUTED, "dev", TUN)
        resolved = ("--resolve", f"api.openai.com:443:{ROUTED}")
        return exercise(proxy, provider, ["curl", *resolved])


MODES: dict[str, Callable[[Path, ProviderHandle], dict[str, Any]]] = {
    "transparent": transparent,
    "local": local,
    "wireguard": wireguard,
    "tun": tun,
}


def main(mode: str, folder: Path) -> None:
    """Tell what was found."""
    lay_out()
    folder.mkdir()
    with provider_process(folder) as provider:
        sys.stdout.write(json.dumps(MODES[mode](folder, provider)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
