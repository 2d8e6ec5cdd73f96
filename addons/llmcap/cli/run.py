"""`llmcap run`: a command behind a proxy of its own, under a cap."""

import os
import sys
import traceback
from pathlib import Path

import click

from llmcap.cli.options import TAKEN_PORT, cap_named
from llmcap.cli.output import tell
from llmcap.confine.forked import Waiting
from llmcap.launch import child
from llmcap.words.errors import LLMCapError


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--cap", envvar="LLMCAP_CAP", show_envvar=True, default="", metavar="CAP", callback=cap_named,
    help="The most to spend: `5` or `$5` in this run, `5/day`, `20/month`, `100k tokens`.",
)  # fmt: skip
@click.option(
    "--also", multiple=True, metavar="NAME:CAP",
    help="One more budget, shared by all runs that name it, such as `ci:50/day`.",
)  # fmt: skip
@click.option("--project", default="", metavar="NAME", help="The project that the calls count for.")
@click.option(
    "--config", "config_path", envvar="LLMCAP_CONFIG", show_envvar=True, default="",
    type=click.Path(dir_okay=False), help="The YAML file with budgets and prices of your own.",
)  # fmt: skip
@click.option(
    "--ledger", "ledger_path", envvar="LLMCAP_LEDGER", show_envvar=True, default="",
    type=click.Path(dir_okay=False), help="The ledger file; the default is in your data folder.",
)  # fmt: skip
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path),
    help="Write what the calls cost to this file, as JSON.",
)  # fmt: skip
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the proxy's log to this file.",
)  # fmt: skip
@click.option(
    "--preserve-status", is_flag=True,
    help="Exit with the command's code also when the cap was reached.",
)  # fmt: skip
@click.option(
    "--confine/--no-confine", default=None,
    help="Give COMMAND a network that leads nowhere but to LLMCap. Linux; needs no root.",
)  # fmt: skip
@click.option(
    "--through-up", is_flag=True,
    help="Confined: through the proxy of `llmcap up`, under its budgets, and none of its own.",
)  # fmt: skip
@click.option(
    "--reach", multiple=True, type=TAKEN_PORT, metavar="PORT",
    help="Confined: let a port of this machine's loopback through, such as 5432.",
)  # fmt: skip
@click.option(
    "--port", "ports", multiple=True, type=TAKEN_PORT, metavar="PORT",
    help="Confined: the ports that lead out, in the place of 22, 80 and 443.",
)  # fmt: skip
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="GLOB",
    help="Confined: a host that may be reached, or an IPv4 address or network without a name.",
)  # fmt: skip
@click.option(
    "--deny-other-hosts", is_flag=True,
    help="Confined: nothing but model providers and the hosts that were allowed.",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="No line at the end.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run(  # noqa: PLR0913, PLR0917 - one argument for each option
    waiting: Waiting | None,
    cap: str,
    also: tuple[str, ...],
    project: str,
    config_path: str,
    ledger_path: str,
    report: Path | None,
    log: Path | None,
    command: tuple[str, ...],
    reach: tuple[int, ...],
    ports: tuple[int, ...],
    allow_hosts: tuple[str, ...],
    *,
    confine: bool | None,
    through_up: bool,
    deny_other_hosts: bool,
    preserve_status: bool,
    quiet: bool,
) -> None:
    """
    Run COMMAND behind a private proxy that stops its LLM calls at the cap.

    Put `--` in front of the command. Its terminal, its pipes and its signals are its own; at the
    end one line on stderr says what it cost. Nothing is installed, nothing is left behind. Without
    --cap, --also and budgets in a config, calls are metered and not capped.

    With --confine it does not matter which variables COMMAND reads: whatever it connects to by name
    arrives at LLMCap, and all else fails at once. Setuid programs such as sudo do not work in it,
    nor does the loopback of this machine, but for --reach.

    The exit code is the command's own, or 124 if the cap was reached and a call was refused, 125 if
    LLMCap failed, 126 if the command cannot be run, 127 if it is not found.

    \b
    $ llmcap run --cap 5 -- claude
    $ llmcap run --cap 5 --confine --reach 5432 -- npm test
    $ llmcap run --cap 0.50 --also ci:20/day -- python evaluate.py
    """  # noqa: D301 - click reads the control character
    # The rest is imported after the fork, which copies what there is in memory.
    if waiting is None and confine and sys.platform == "linux":
        waiting = Waiting()
    from llmcap.launch import run as runner  # noqa: PLC0415
    from llmcap.launch import throughup  # noqa: PLC0415
    from llmcap.launch.proxythread import end_with  # noqa: PLC0415

    wanted = runner.Wanted(
        command=command, cap=cap, also=also, project=project, config=config_path,
        ledger=ledger_path, report=report, log=log, preserve_status=preserve_status, quiet=quiet,
        confine=confine, ports=ports, reach=reach, allow_hosts=allow_hosts,
        deny_other_hosts=deny_other_hosts, through_up=through_up,
    )  # fmt: skip
    try:
        run_it = throughup.run if through_up else runner.run
        code = run_it(wanted, environ=os.environ, waiting=waiting)
    except child.CommandError as error:
        tell(f"llmcap: {error}")
        code = error.code
    except LLMCapError as error:
        tell(f"llmcap: {error}")
        code = child.EXIT_OURS
    except Exception:  # noqa: BLE001 - a mistake of ours: told in full, under the code that says whose it is
        traceback.print_exc()
        code = child.EXIT_OURS
    end_with(code)
    sys.exit(code)
