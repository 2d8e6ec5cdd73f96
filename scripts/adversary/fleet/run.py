"""A case over nodes from its beginning to its report."""

import json
import random
import time
from datetime import UTC, datetime
from pathlib import Path

from adversary.fleet.cases import FleetCase
from adversary.fleet.desk import MODEL, Desk
from adversary.fleet.drive import Drive
from adversary.fleet.report import FleetReport, report_of
from llmcap.ledger import open_ledger
from llmcap.pricing import PriceBook
from llmcap.providers.parts.shape import Request
from llmcap.walk.admission import Admission
from llmcap.walk.attributes import Facts
from llmcap.walk.firewall import Firewall
from llmcap.words.records import Policy
from postgres_server import cluster


async def run_fleet_case(case: FleetCase, folder: Path, *, seed: str) -> FleetReport:
    """One case, with a PostgreSQL of its own."""
    with cluster() as made:
        rng = random.Random(f"{seed}/{case.name}")
        desk = Desk(rng)
        await desk.start()
        drive = Drive(case, folder, made, rng, desk)
        started = time.monotonic()
        try:
            await drive.run()
        finally:
            await desk.stop()
        return report_of(drive, needed=needed_nanos(), seconds=time.monotonic() - started)


def needed_nanos() -> int:
    """The least with which a call of these clients is admitted: its answer clamped to the least."""
    policy = Policy()
    document = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "twelve words about money and time, please"}],
        "max_completion_tokens": int(policy.min_output),
    }
    ledger = open_ledger(":memory:")
    firewall = Firewall(
        ledger=ledger, prices=PriceBook(), policy=policy, clock=lambda: datetime.now(UTC)
    )
    request = Request(
        method="POST", host="api.openai.com", path="/v1/chat/completions",
        body=json.dumps(document).encode(),
    )  # fmt: skip
    admission = firewall.consider(request, Facts())
    assert isinstance(admission, Admission), admission
    admission.count_tokens()
    firewall.close()
    return admission.demand.ceiling_nanos()
