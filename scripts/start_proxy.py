"""
mitmdump with LLMCap on loopback: makes what it needs, says what to tell a tool, becomes mitmdump.

Everything that is not ours goes to mitmdump as it is, after our options, so that it wins.
"""

import argparse
import os
import sys
from pathlib import Path

from llmcap.assembly import policy_of, settings_from
from llmcap.cli.output import tell
from llmcap.launch import behind, standing
from llmcap.launch.environment import shell_lines
from llmcap.words.errors import LLMCapError

ADDON = Path(__file__).resolve().parents[1] / "addons" / "llmcap_addon.py"

# The variables that most tools need; `llmcap run` sets all of them.
SHOWN = ("HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
NODE = "NODE_USE_ENV_PROXY"


def main() -> None:
    """Read our options, print, and hand over."""
    parser = argparse.ArgumentParser(
        prog="scripts/run",
        description="Start mitmdump with LLMCap on 127.0.0.1.",
        epilog="Any other option goes to mitmdump: see mitmdump --help and --options.",
        allow_abbrev=False,
    )
    parser.add_argument("--cap", default="", help="what may be spent: 5 in all, 5/day, 20/month")
    parser.add_argument(
        "--port",
        "--listen-port",
        "-p",
        type=int,
        default=8080,
        help="0 takes any that is free; default: %(default)s",
    )
    parser.add_argument("--config", default="", help="a YAML file with budgets, prices and policy")
    parser.add_argument("--ledger", default="", help="an SQLite file; default: the user's own")
    options, rest = parser.parse_known_args()
    try:
        # mitmdump would say it too, after a traceback and after what the tool is to be told.
        policy_of(settings_from(cap=options.cap, config=options.config, ledger=options.ledger))
        with standing.bind(options.port) as free:
            port = free.getsockname()[1]
        place = behind.prepare(os.environ)
    except LLMCapError as error:
        tell(f"scripts/run: {error}")
        sys.exit(2)

    proxy_url = f"http://127.0.0.1:{port}"
    variables = place.variables(os.environ, proxy_url=proxy_url)
    print("In the terminal of the tool that is to be capped:\n")
    for line in shell_lines({name: variables[name] for name in (*SHOWN, NODE)}, shell="sh"):  # noqa: S604 - it formats lines
        print(f"    {line}")
    print(flush=True)

    mitmdump = Path(sys.executable).with_name("mitmdump")
    command = [
        str(mitmdump),
        *("-s", str(ADDON)),
        *("--listen-host", "127.0.0.1", "--listen-port", str(port)),
        *("--set", f"confdir={place.confdir}"),
        *("--set", f"ssl_verify_upstream_trusted_ca={place.roots}"),
        *("--set", f"llmcap_cap={options.cap}"),
        *("--set", f"llmcap_config={options.config}"),
        *("--set", f"llmcap_ledger={options.ledger}"),
        *rest,
    ]
    os.execv(mitmdump, command)  # noqa: S606 - the point of this program


if __name__ == "__main__":
    main()
