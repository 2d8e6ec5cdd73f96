"""`llmcap up`: a proxy that stands for all programs."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from llmcap.assembly import policy_of, settings_from
from llmcap.cli.options import PORT, cap_named, json_option
from llmcap.cli.output import echo_json, tell
from llmcap.launch import standing
from llmcap.launch import up as standing_proxy
from llmcap.launch.workers import crew


class Workers(click.ParamType[int]):
    """A number of workers, or `auto`."""

    name = "workers"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number."""
        if value == "auto":
            return crew.of_cores()
        if not str(value).isdecimal() or not 1 <= int(value) <= crew.WORKERS_MAX:
            expected = f"auto or a number from 1 to {crew.WORKERS_MAX}"
            self.fail(f"{value!r} is not {expected}", param, ctx)
        return int(value)


@click.command()
@click.option(
    "--port", default=standing.DEFAULT_PORT, show_default=True, type=PORT,
    help="The port; 0 takes any that is free.",
)  # fmt: skip
@click.option(
    "--host", default=standing.LOOPBACK, show_default=True, metavar="ADDRESS",
    help="The address to listen on; 0.0.0.0 serves whoever reaches this machine.",
)  # fmt: skip
@click.option(
    "--cap", envvar="LLMCAP_CAP", show_envvar=True, default="", metavar="CAP", callback=cap_named,
    help="The most to spend: `5/day`, `20/month`, `5` in all.",
)  # fmt: skip
@click.option(
    "--config", "config_path", envvar="LLMCAP_CONFIG", show_envvar=True, default="",
    type=click.Path(dir_okay=False), help="The YAML file with budgets and prices of your own.",
)  # fmt: skip
@click.option(
    "--ledger", "ledger_path", envvar="LLMCAP_LEDGER", show_envvar=True, default="",
    type=click.Path(dir_okay=False), help="The ledger file; the default is in your data folder.",
)  # fmt: skip
@click.option(
    "--page-port", type=PORT, metavar="PORT",
    help="The port of its page on loopback; the default is 8378, or another that is free.",
)  # fmt: skip
@click.option(
    "--workers", default="1", show_default=True, type=Workers(), metavar="N|auto",
    help="How many processes serve, on Linux; `auto` takes one for each core.",
)  # fmt: skip
@click.option("--watch", is_flag=True, help="Stop nothing, and say what the budgets would stop.")
@click.option("--no-page", is_flag=True, help="Serve no page.")
@click.option(
    "--log", "log_path", default="", metavar="FILE", type=click.Path(dir_okay=False),
    help="Where it writes what happens; `-` is standard error. The default is in your data folder.",
)  # fmt: skip
@click.option("--foreground", is_flag=True, help="Stay, and serve: for services and containers.")
@json_option
def up(  # noqa: PLR0913 - each is an option
    port: int,
    host: str,
    cap: str,
    config_path: str,
    ledger_path: str,
    page_port: int | None,
    log_path: str,
    workers: int,
    *,
    watch: bool,
    no_page: bool,
    foreground: bool,
    as_json: bool,
) -> None:
    """
    Start a proxy that stands until `llmcap down`.

    It listens on loopback unless --host says otherwise. Programs use it through the variables that
    `llmcap env` prints:

    \b
    $ llmcap up --cap 20/day
    $ eval "$(llmcap env)"
    """  # noqa: D301 - click reads the control character
    settings = settings_from(cap=cap, config=config_path, ledger=ledger_path)
    settings = replace(settings, watch=watch)
    if foreground:
        log = None if log_path == "-" else Path(log_path or standing.folder() / "log")
        page = standing_proxy.NO_PAGE if no_page else page_port
        serve = partial(crew.serve, workers=workers) if workers > 1 else standing_proxy.serve
        serve(settings, port=port, host=host, log=log, tell=tell, page_port=page)
        return
    options = {
        "--port": str(port),
        "--host": host,
        "--cap": cap,
        "--config": config_path,
        "--ledger": ledger_path,
        "--log": log_path,
        "--workers": str(workers),
    }
    if page_port is not None:
        options["--page-port"] = str(page_port)
    given = [word for option, value in options.items() if value for word in (option, value)]
    found = standing.start([*given, *["--no-page"] * no_page, *["--watch"] * watch])
    for line in standing_proxy.in_force(policy_of(settings), found.url()):
        tell(line)
    tell('Use it with: eval "$(llmcap env)"')
    if found.page:
        tell(f"See it with: llmcap dashboard (http://127.0.0.1:{found.page}/)")
    if as_json:
        document: dict[str, object] = {
            "url": found.url(), "pid": found.pid, "ledger": found.ledger, "workers": found.workers,
        }  # fmt: skip
        echo_json({**document, "page": f"http://127.0.0.1:{found.page}/" if found.page else None})
