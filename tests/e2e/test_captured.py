"""`reconcile:` of a config, under the proxy that stands: what goes past it is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reconcile.bills import changed, ledger, month, openai
from tests.reconcile.test_admin import KEY, served

from company_proxy import CompanyProxy
from fake_provider.process import ProviderHandle
from fake_provider.tls import HOSTS

from .test_up import Shell, proxy_of, wait_until


@pytest.fixture
def shell(provider: ProviderHandle, tmp_path: Path) -> Iterator[Shell]:
    """Nothing is left standing."""
    with CompanyProxy(dict.fromkeys(HOSTS, provider.port)) as company:
        made = Shell(provider, company, tmp_path)
        yield made
        made("$LLMCAP down")


def test_the_proxy_that_stands_asks_for_the_bill(shell: Shell, tmp_path: Path) -> None:
    """With the key of its own environment, which is told nobody else and written nowhere."""
    calls = changed(month("openai"), 0, seen=False)
    folder = tmp_path / "data" / "llmcap"
    folder.mkdir(parents=True)
    ledger(folder / "ledger.sqlite3", calls)
    pages = {"/v1/organization/usage/completions": [openai(calls)["data"]],
             "/v1/organization/costs": [[]]}  # fmt: skip
    with served(pages) as (url, asked):
        (tmp_path / "llmcap.yaml").write_text(
            "reconcile: {keys: {openai: env:BILLS}, days: 365, alert_below: 99%,"
            f" urls: {{openai: '{url}'}}}}\n"
        )
        shell.environ |= {"LLMCAP_CONFIG": str(tmp_path / "llmcap.yaml"), "BILLS": KEY}
        shell("$LLMCAP up --port 0 --no-page")
        _, log = proxy_of(shell)
        wait_until(lambda: "capture:" in log.read_text(), shown=log)
        assert [path for path, _, _ in asked] == list(pages)
    assert "less than 99% of what openai billed since" in log.read_text()
    wait_until(lambda: "of what openai billed" in shell("$LLMCAP events"), shown=log)
    assert shell("$LLMCAP events").count("less than 99% of what openai billed") == 1
    kept = json.loads((folder / "ledger.captured.json").read_text())
    assert kept["openai"]["agrees"] is False
    assert KEY not in log.read_text() + json.dumps(kept)
