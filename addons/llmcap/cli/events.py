"""`llmcap events`: what the proxies on a ledger have told, whoever was listening."""

from datetime import datetime
from pathlib import Path

import click

from llmcap.cli.options import COUNT, json_option, ledger_option
from llmcap.cli.output import echo_json, echo_table, tell
from llmcap.notices.events import EventLog, events_path
from llmcap.words.shown import in_one_sentence


@click.command()
@click.option("-n", "--limit", "count", default=20, show_default=True,
              type=COUNT, help="How many, the newest first.")  # fmt: skip
@ledger_option
@json_option
def events(count: int, ledger_path: Path, *, as_json: bool) -> None:
    """
    Show warnings, stops, breakers and mistakes that were told.

    Each stands for all of its kind until its window, or an hour, was over: a storm of refusals is
    one event.
    """
    path = events_path(str(ledger_path))
    documents = []
    waiting = 0
    if Path(path).exists():
        log = EventLog(path)
        documents, waiting = log.latest(count), log.queued()
        log.close()
    if as_json:
        echo_json({"events": documents, "undelivered": waiting})
        return
    if not documents:
        tell("nothing was told yet")
        return
    echo_table(
        ("TIME", "EVENT", "WHAT"),
        [
            (
                f"{datetime.fromisoformat(each['at']).astimezone():%m-%d %H:%M:%S}",
                each["event"],
                in_one_sentence(each["message"]),
            )
            for each in documents
        ],
    )
    if waiting:
        tell(f"{waiting} alerts are still to be delivered")
