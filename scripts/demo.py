"""
A cap of $0.05 being hit, in front of your eyes: no key, no network, the real mitmdump.

A fake provider on loopback answers instead of OpenAI and Anthropic, and bills for itself. The tool
(`demo_tool.py`) uses their real Python packages. Everything but times and ids is the same in each
run; the README shows it, and `scripts/demo --readme` writes it there.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fake_provider.process import ROOT, ProviderHandle, provider_process
from fake_provider.proxy import ProxyHandle, proxy_process

CAP = "0.05"
SEED = 5
LENGTH = "heavy:300"

README = ROOT / "README.md"
TOOL = ROOT / "scripts" / "demo_tool.py"
CLIENTS = ROOT / ".venv-clients" / "bin" / "python"
COMMAND = Path(sys.executable).with_name("llmcap")

# What differs from run to run.
TIME = re.compile(r"\d\d-\d\d \d\d:\d\d:\d\d")
ID = re.compile(r"req_llmcap_\w+")

# The part of the README that shows the demo.
NO_CONFIG = "budgets: []\n"  # not the one of whoever tries it
SHOWN = re.compile(r"(?<=<!-- demo -->\n```console\n).*?(?=```\n<!-- /demo -->)", re.DOTALL)


def main() -> None:
    """Print the transcript as it comes, or put it into the README."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="write the transcript to the README")
    if parser.parse_args().readme:
        text = "".join(transcript())
        README.write_text(SHOWN.sub(lambda _: text, README.read_text("utf-8")), "utf-8")
        return
    for part in transcript():
        print(part, end="", flush=True)


def transcript() -> Iterator[str]:
    """Start everything in a temporary folder, run the tool, show the books."""
    with (
        tempfile.TemporaryDirectory() as folder,
        provider_process(Path(folder), seed=SEED) as provider,
        proxy_process(Path(folder) / "proxy", provider, cap=CAP, config=NO_CONFIG) as proxy,
    ):
        provider.scenario(length=LENGTH)
        yield f"$ mitmdump -s addons/llmcap_addon.py --set llmcap_cap={CAP} &\n"
        yield "$ HTTPS_PROXY=http://127.0.0.1:8080 SSL_CERT_FILE=mitmproxy-ca-cert.pem ./tool\n"
        yield from lines_of([str(CLIENTS), "-u", str(TOOL)], proxy.environ())
        proxy.settle()
        for command in ("status", "log"):
            yield f"\n$ llmcap {command}\n"
            yield from lines_of([str(COMMAND), command], command_environ(proxy))
        yield compared(proxy, provider)


def lines_of(command: list[str], environ: dict[str, str]) -> Iterator[str]:
    """What a program prints, as it prints it; the demo ends if it fails."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from process.stdout
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}")


def command_environ(proxy: ProxyHandle) -> dict[str, str]:
    """Our own command, on the demo's ledger."""
    return {**os.environ, "LLMCAP_LEDGER": str(proxy.ledger), "LLMCAP_CAP": CAP, "COLUMNS": "200"}


def compared(proxy: ProxyHandle, provider: ProviderHandle) -> str:
    """The two sums that must be one."""
    spent, billed = proxy.spent_nanos(), provider.nanos()
    if spent != billed:
        sys.exit(f"the ledger says {spent} nano-dollars, the provider's bill {billed}")
    return f"\nThe provider's own bill, in nano-dollars: {billed:,}; LLMCap's ledger: {spent:,}.\n"


def timeless(text: str) -> str:
    """A transcript without what differs from run to run."""
    return ID.sub("req_llmcap_ID", TIME.sub("MM-DD hh:mm:ss", text))


if __name__ == "__main__":
    main()
