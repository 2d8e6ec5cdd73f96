"""Work that is ordered and done later, through the real mitmdump: on the books once, exactly."""

import pytest

from fake_provider.process import ProviderHandle

from .conftest import PROGRAM_SECONDS, Run, Start

ORDERS = {
    "openai": 3,
    "gemini": 3,
    "gemini-file": 3,
    "gemini-embed": 2,
}


@pytest.mark.parametrize("kind", ORDERS)
def test_a_batch_costs_what_the_provider_bills_for_it(
    start: Start, run: Run, provider: ProviderHandle, kind: str
) -> None:
    """Ordered, looked at until it is done, downloaded: one hold, one settlement."""
    proxy = start(cap="5")
    (line,) = run(proxy, "batches", kind)
    assert line.get("answers") == ORDERS[kind], (line, proxy.requests())
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos() > 0, proxy.log()
    kinds = [entry["kind"] for entry in proxy.entries("kind")]
    assert kinds.count("hold") == 1
    assert set(kinds) <= {"hold", "settled", "assumed", "correction"}


def test_speech_costs_its_characters(start: Start, run: Run, provider: ProviderHandle) -> None:
    """The sound tells nothing."""
    proxy = start(cap="5")
    (line,) = run(proxy, "batches", "speech")
    assert line["sound"] > 0
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos() == line["sound"] * 15_000


def test_a_batch_is_told_by_its_output_where_it_tells_no_sums(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """Assumed at its hold when it has ended, and corrected when the output is downloaded."""
    proxy = start(cap="5")
    provider.scenario(sums=False)
    (line,) = run(proxy, "batches", "openai")
    assert line["answers"] == 3
    assert proxy.spent_nanos() == provider.nanos() > 0
    kinds = [entry["kind"] for entry in proxy.entries("kind")]
    assert kinds == ["hold", "assumed", "correction"]


def test_a_cancelled_batch_costs_what_was_done(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """The calls that were answered by then."""
    proxy = start(cap="5")
    provider.scenario(token_seconds=0.01, length="30")
    for kind in ("openai", "gemini"):
        (line,) = run(proxy, "batches", kind, "--cancel")
        assert "cancelled" in line["status"].lower(), line
    proxy.settle()
    assert proxy.spent_nanos() == provider.nanos()


def test_a_batch_is_corrected_by_the_proxy_that_sees_its_end(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """The one that ordered it ends first: what was held is assumed, then what it really cost."""
    provider.scenario(token_seconds=0.005)
    first = start(cap="5")
    (line,) = run(first, "batches", "openai", "--leave")
    assert line["status"] == "in_progress"
    first.process.terminate()
    first.process.wait(PROGRAM_SECONDS)
    assumed = first.spent_nanos()
    second = start(first.folder.with_name("second"), cap="5", ledger=first.ledger)
    for _ in range(2):
        (seen,) = run(second, "batches", "openai", f"--look={line['name']}")
        assert seen["answers"] == 3
    assert second.spent_nanos() == provider.nanos() < assumed
    kinds = [entry["kind"] for entry in second.entries("kind")]
    assert kinds == ["hold", "assumed", "correction"]


def test_a_batch_that_the_cap_cannot_carry_is_refused(
    start: Start, run: Run, provider: ProviderHandle
) -> None:
    """By what its file asks for at most; the upload itself passes, and nothing is billed."""
    proxy = start(cap="0.0005")
    (line,) = run(proxy, "batches", "openai", "--max-tokens=5000")
    assert line["error"] == "RateLimitError"
    assert "LLMCap" in line["message"]
    assert provider.bill()["requests"] == {"/v1/files": 1}
    assert proxy.spent_nanos() == provider.nanos() == 0
