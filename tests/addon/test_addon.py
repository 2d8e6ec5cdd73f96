"""The shell: whatever decides refuses when something in it breaks."""

import asyncio
import gc
import json
from unittest.mock import Mock

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons, tflow, tutils
from steps import answer, begin, broke, calls_of, decide
from walk import chat, completion, walk

from llmcap.addon import LLMCap
from llmcap.shell import calls, cut
from llmcap.words.errors import LedgerError


@pytest.fixture
def addon():
    """LLMCap with a firewall over a ledger in memory."""
    there = walk("1")
    addon = LLMCap(firewall=there.firewall)
    addon.there = there
    return addon


def flow(body: bytes | None = None, *, host: str = "api.openai.com", **headers: str):
    """A chat completion call as mitmproxy has it."""
    request = tutils.treq(
        method=b"POST",
        host=host,
        path=b"/v1/chat/completions",
        content=chat(max_tokens=50).body if body is None else body,
    )
    made = tflow.tflow(req=request)
    made.request.headers["content-type"] = "application/json"
    for name, value in headers.items():
        made.request.headers[name.replace("_", "-")] = value
    return made


def respond(made, body: bytes, *, status: int = 200) -> None:
    """The provider's whole answer."""
    made.response = tutils.tresp(status_code=status, content=body)
    made.response.headers["content-type"] = "application/json"
    made.response.headers["content-length"] = str(len(body))


def test_a_call_is_admitted_metered_and_told_its_cost(addon):
    """The walk, through the hooks."""
    made = flow()
    decide(addon, made)
    assert made.response is None
    respond(made, completion(100, 10))
    answer(addon, made, [made.response.content])
    assert made.response.headers["x-llmcap-cost"] == "0.000021"
    assert addon.there.balance.spent == 21_000
    assert not calls_of(addon).in_flight


def test_a_call_over_the_cap_is_answered_here():
    """429, and the provider is not asked."""
    addon = LLMCap(firewall=walk("0").firewall)
    made = flow()
    decide(addon, made)
    assert made.response.status_code == 429
    assert json.loads(made.response.content)["error"]["code"] == "project_spend_limit_exceeded"


def test_what_llmcap_is_told_by_headers_stays_here(addon):
    """And the answer is asked for in clear, so that it can be metered."""
    made = flow(x_llmcap_project="alpha", accept_encoding="gzip")
    decide(addon, made)
    assert "x-llmcap-project" not in made.request.headers
    assert made.request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("where", ["consider", "hold"])
def test_an_exception_before_the_call_is_sent_refuses_it(addon, monkeypatch, where):
    """mitmproxy itself would log it and forward the call."""

    def broken(*_, **__):
        raise ZeroDivisionError("a mistake of ours")

    target = addon.firewall if where == "consider" else addon.firewall.ledger
    monkeypatch.setattr(target, where, broken)
    made = flow()
    decide(addon, made)
    assert made.response.status_code >= 400
    assert b"could not account for it" in made.response.content
    assert addon.there.balance.held == 0


def test_a_ledger_that_cannot_write_refuses(addon, monkeypatch):
    """Spending that cannot be recorded does not happen."""

    def full(*_, **__):
        raise LedgerError("the disk is full")

    monkeypatch.setattr(addon.firewall.ledger, "hold", full)
    made = flow()
    decide(addon, made)
    assert b"the disk is full" in made.response.content


def test_failing_open_is_the_users_choice(monkeypatch):
    """`fail_open: true`, and only then."""
    there = walk("1", fail_open=True)
    addon = LLMCap(firewall=there.firewall)
    monkeypatch.setattr(there.firewall, "consider", lambda *_: 1 / 0)
    made = flow()
    decide(addon, made)
    assert made.response is None


def test_a_mistake_while_metering_costs_the_hold_and_passes_the_answer(addon, monkeypatch):
    """The provider was paid; the client gets what it paid for."""
    made = flow()
    decide(addon, made)
    held = addon.there.balance.held
    call = calls_of(addon).in_flight.get(made.id).call
    monkeypatch.setattr(call, "feed", lambda _: 1 / 0)
    respond(made, completion(100, 10))
    answer(addon, made, [made.response.content])
    assert addon.there.balance.spent == held
    assert addon.there.balance.held == 0


def test_what_a_stream_goes_through_never_raises(addon, monkeypatch):
    """mitmproxy would drop the chunk and go on unmetered."""
    made = flow(chat(stream=True, max_tokens=50).body)
    decide(addon, made)
    made.response = tutils.tresp(content=b"")
    made.response.headers["content-type"] = "text/event-stream"
    watch = begin(addon, made)
    monkeypatch.setattr(calls_of(addon).in_flight.get(made.id).call, "feed", lambda _: 1 / 0)
    assert watch(b"data: {}\n\n") == b"data: {}\n\n"
    assert addon.there.balance.held == 0


@pytest.mark.parametrize("sent", [True, False])
def test_a_hang_up_settles_what_was_sent_and_frees_what_was_not(addon, sent):
    """mitmproxy tells of an error then, never of a response."""
    made = flow()
    decide(addon, made)
    if sent:
        cut._sent.add(made.id)
    broke(addon, made)
    assert addon.there.balance.held == 0
    assert bool(addon.there.balance.spent) is sent
    assert not cut.was_sent(made.id)


def test_a_client_that_leaves_while_the_provider_is_connected_to_leaves_no_hold(addon, monkeypatch):
    """mitmproxy then fires neither `response` nor `error`."""
    monkeypatch.setattr(calls, "ABANDONED_AFTER_SECONDS", 0)
    made = flow()

    async def story():
        assert calls_of(addon).decide(made, ()) is None
        assert addon.there.balance.held > 0
        with taddons.context():
            await addon.shell.client_disconnected(made.client_conn)
            await asyncio.sleep(0.01)

    asyncio.run(story())
    assert (addon.there.balance.spent, addon.there.balance.held) == (0, 0)


def test_streaming_large_bodies_is_not_possible():
    """mitmproxy would send the request before it can be refused."""
    addon = LLMCap(firewall=walk("1").firewall)
    with taddons.context() as context:
        context.options.add_option("stream_large_bodies", str | None, None, "")
        context.master.addons.add(addon)
        with pytest.raises(OptionsError, match="stream_large_bodies"):
            context.configure(addon, stream_large_bodies="1m")


def test_a_bad_option_names_itself(tmp_path):
    """`banana` is no cap."""
    addon = LLMCap()
    with taddons.context(addon) as context, pytest.raises(OptionsError, match="banana"):
        context.configure(addon, llmcap_cap="banana", llmcap_ledger=str(tmp_path / "l.db"))


def test_a_ledger_that_cannot_be_opened_stops_the_start(tmp_path):
    """The message names the path."""
    addon = LLMCap()
    blocked = tmp_path / "file"
    blocked.write_text("")
    with taddons.context(addon) as context, pytest.raises(OptionsError, match="file"):
        context.configure(addon, llmcap_ledger=str(blocked / "ledger.sqlite3"))


def test_the_end_of_the_proxy_settles_what_is_in_flight():
    """Nothing is left to be assumed by the next start."""
    there = walk("1")
    addon = LLMCap(firewall=there.firewall)
    made = flow()
    decide(addon, made)
    ended = Mock(return_value=())
    there.firewall.ledger.end = ended
    with taddons.context(addon):
        addon.done()
    ((_, settlement),) = (each.args for each in ended.call_args_list)
    assert settlement.ending == "released"


def test_keys_that_nobody_swaps_are_told(tmp_path, caplog):
    """A mitmdump starts no program that could have a stand-in: who wrote `keys` has to know."""
    config = tmp_path / "llmcap.yaml"
    config.write_text("keys: {openai: env:REAL_KEY}\n")
    addon = LLMCap()

    async def start() -> None:
        with taddons.context(addon) as context:
            context.configure(
                addon, llmcap_config=str(config), llmcap_ledger=str(tmp_path / "ledger")
            )
            addon.running()
            gc.unfreeze()
            addon.done()

    asyncio.run(start())
    assert "`keys` has no effect here" in caplog.text


def test_what_is_there_at_the_start_is_not_searched_for_garbage():
    """A full collection stops the event loop for as long as there are old objects to look at."""
    gc.unfreeze()
    old = [[]]
    addon = LLMCap(firewall=walk("1").firewall)

    async def start() -> None:
        with taddons.context(addon):
            addon.running()
            try:
                assert not any(each is old for each in gc.get_objects())
            finally:
                gc.unfreeze()
                addon.done()

    asyncio.run(start())
    assert any(each is old for each in gc.get_objects())
