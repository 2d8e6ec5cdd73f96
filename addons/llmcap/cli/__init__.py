"""
The `llmcap` command. Each subcommand is a module of its own, imported when it is called.

Data goes to stdout, everything else to stderr. A user's mistake is one line and a hint with exit
code 2, never a traceback. The quick commands import no mitmproxy, which alone takes half a second.
Words come in, text and an exit code go out; a command never computes what another room knows.
"""

import contextlib
import sys
from importlib import import_module
from typing import Any, NamedTuple

import click

from llmcap.cli.output import echo, tell
from llmcap.words.errors import LLMCapError, TreasuryUnreachable
from llmcap.words.meant import meant
from llmcap.words.version import version


class Command(NamedTuple):
    """Where a subcommand is, and its line in the overview, which must not import it."""

    module: str
    summary: str


COMMANDS = {
    "status": Command("llmcap.cli.status", "What each budget has spent, holds and has left."),
    "top": Command("llmcap.cli.top", "Watch budgets and calls, live."),
    "dashboard": Command("llmcap.cli.dashboard", "Open the page: budgets, spend, calls."),
    "tray": Command("llmcap.cli.tray", "What is spent, in the tray of your desktop."),
    "budget": Command("llmcap.cli.budget", "Raise, set, reset, pause or resume a budget."),
    "breaker": Command("llmcap.cli.breaker", "The breakers that are open, and closing them."),
    "key": Command("llmcap.cli.key", "The keys that calls come with, and names for them."),
    "fleet": Command("llmcap.cli.fleet", "The nodes under a treasury, and retiring one."),
    "config": Command("llmcap.cli.config", "Check the config, and tell an editor about it."),
    "ledger": Command("llmcap.cli.ledger", "Seal the ledger, and verify that nobody edited it."),
    "metrics": Command("llmcap.cli.metrics", "What Prometheus and Grafana need."),
    "watch": Command("llmcap.cli.watch", "What watched budgets would have stopped."),
    "report": Command("llmcap.cli.report", "What was spent, by any attribute and time."),
    "export": Command("llmcap.cli.export", "Every call, as CSV, JSON or Parquet."),
    "prune": Command("llmcap.cli.prune", "Replace old calls by totals."),
    "events": Command("llmcap.cli.events", "What was told: warnings, stops, mistakes."),
    "log": Command("llmcap.cli.log", "The calls in the ledger, what they used and cost."),
    "audit": Command("llmcap.cli.audit", "What recorded traffic cost, without a proxy."),
    "estimate": Command("llmcap.cli.estimate", "What would be held for a request, unsent."),
    "run": Command("llmcap.cli.run", "Run a command behind a proxy of its own, under a cap."),
    "confine": Command("llmcap.cli.confine", "Let a container reach the standing proxy alone."),
    "up": Command("llmcap.cli.up", "Start a proxy that stands for all programs."),
    "down": Command("llmcap.cli.env", "Stop it."),
    "env": Command("llmcap.cli.env", "Print the variables under which programs use it."),
    "service": Command("llmcap.cli.service", "Start the proxy at every login."),
    "doctor": Command("llmcap.cli.doctor", "Check that a command can be capped, and why not."),
    "statusline": Command("llmcap.cli.statusline", "What is spent and left, in one line."),
    "ca": Command("llmcap.cli.ca", "The certificate, and where it is trusted."),
    "completion": Command("llmcap.cli.completion", "Complete commands in your shell."),
    "prices": Command("llmcap.cli.prices", "What a model costs, and where that comes from."),
    "import": Command("llmcap.cli.imports", "Usage that did not pass the proxy, into the ledger."),
    "reconcile": Command("llmcap.cli.reconcile", "What a provider billed, beside the ledger."),
    "providers": Command("llmcap.cli.providers", "Whose requests are metered, and how."),
}


class Failure(click.ClickException):
    """A user's mistake or a broken file, as its message."""

    exit_code = 2

    def show(self, file: Any = None) -> None:  # noqa: ARG002 (click's signature)
        """To stderr; the message brings its own hint."""
        tell(f"llmcap: {self.message}")


class LazyGroup(click.Group):
    """Imports a subcommand when it is wanted, and turns our errors into messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every name, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The function of that name in its module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name].module)
        # Python keeps some words for itself: `import` is the function `import_`.
        command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        assert isinstance(command, click.Command), cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The same, with the command that may have been meant."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(
                f"There is no command {args[0]!r}: {meant(args[0], COMMANDS)}"
                "`llmcap --help` lists them."
            )
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """The overview, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """The whole command; a disk that is full, a folder that is not ours, as a message."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            tell(f"llmcap: {where}{error.strerror or error}")
            if not error.filename:  # the output itself: what is left of it is not tried again
                with contextlib.suppress(OSError):
                    sys.stdout.close()
            sys.exit(Failure.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            tell("llmcap: interrupted")
            sys.exit(130)  # as of a shell: 128 and the number of the signal
        except TreasuryUnreachable as error:
            raise Failure(
                f"{error}\nhint: see that it runs and is what `treasury:` names; `llmcap report "
                "--ledger FILE` is about this machine alone"
            ) from error
        except LLMCapError as error:
            raise Failure(str(error)) from error
        except UnicodeEncodeError as error:  # an argument that no database can look for
            raise Failure(f"{error.object!r} is not UTF-8") from error


def _tell_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if not wanted or ctx.resilient_parsing:
        return
    echo(f"llmcap, version {version()}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version,
    help="Show the version and exit.",
)  # fmt: skip
def main() -> None:
    """LLMCap: a spend firewall for LLM APIs. When the cap is reached, it stops."""
