"""`llmcap dashboard`: the page in a browser, from the standing proxy or served until Ctrl-C."""

import signal
import threading
import webbrowser
from pathlib import Path

import click

from llmcap.cli.options import PORT, config_option, json_option, ledger_option, policy_from
from llmcap.cli.output import echo, echo_json, tell
from llmcap.launch import standing
from llmcap.launch.pageprocess import PageProcess, page_beside
from llmcap.page.access import Role
from llmcap.words.errors import ConfigError


@click.command()
@ledger_option
@config_option
@click.option("--serve", is_flag=True, help="Serve it here until Ctrl-C, without a proxy.")
@click.option("--port", type=PORT, help="With --serve: the port of loopback.")
@click.option("--viewer", is_flag=True, help="A link that changes nothing.")
@click.option("--project", default="", help="A viewer's link to this project alone.")
@click.option("--no-browser", is_flag=True, help="Print the link, and open nothing.")
@json_option
def dashboard(
    ledger_path: Path,
    config_path: Path | None,
    port: int | None,
    project: str,
    *,
    serve: bool,
    viewer: bool,
    no_browser: bool,
    as_json: bool,
) -> None:
    """
    Open the page: what is spent, held and left, by whom, and what was refused.

    It is the page of `llmcap up`; where no proxy stands on this ledger, --serve shows it. The link
    opens it for a quarter of an hour, and is a password until then. Where the config names a
    treasury, the page is that of the fleet.
    """
    role = Role("viewer" if viewer or project else "admin", project)
    found = standing.find()
    ours = found and found.page and ledger_path.exists() and ledger_path.samefile(found.ledger)
    if found and ours and not serve:
        _open(PageProcess(found.page, ledger_path), role, no_browser=no_browser, as_json=as_json)
        return
    if not ledger_path.exists():
        raise ConfigError(
            f"there is no ledger {ledger_path} yet\nhint: it is made when the proxy starts: "
            "`llmcap up`"
        )
    if not serve:
        raise ConfigError(
            f"no proxy with a page stands on the ledger {ledger_path}\n"
            "hint: `llmcap up` serves it beside the proxy, `llmcap dashboard --serve` until Ctrl-C"
        )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    treasury = policy_from(config_path).treasury
    with page_beside(str(ledger_path), port=port, treasury=treasury) as page:
        _open(page, role, no_browser=no_browser, as_json=as_json)
        tell("Ctrl-C ends it.")
        ended.wait()


def _open(page: PageProcess, role: Role, *, no_browser: bool, as_json: bool) -> None:
    url = page.url(role)
    if as_json:
        echo_json({"url": url, "role": role.name, "project": role.project or None})
        return
    echo(url)
    if not no_browser and not webbrowser.open(url):
        tell("no browser could be opened: open the link in one")
