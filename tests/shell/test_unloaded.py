"""A proxy that lost LLMCap forwards nothing to a provider."""

from mitmproxy.test import taddons, tflow, tutils

from llmcap.shell.unloaded import NAME, Unloaded, stand_in, step_back


def flow(host: str):
    """A request to a host."""
    return tflow.tflow(req=tutils.treq(host=host))


def test_provider_calls_are_refused_and_others_pass():
    """mitmproxy itself would forward them all."""
    to_provider, elsewhere = flow("api.openai.com"), flow("example.com")
    for each in (to_provider, elsewhere):
        Unloaded().request(each)
    assert to_provider.response.status_code == 429
    assert b"unloaded" in to_provider.response.content
    assert elsewhere.response is None


def test_it_stands_in_while_the_proxy_runs_and_steps_back():
    """Once, and not when the proxy is ending anyway."""
    with taddons.context() as context:
        stand_in()
        stand_in()
        assert context.master.addons.get(NAME) is not None
        step_back()
        assert context.master.addons.get(NAME) is None
        context.master.should_exit.set()
        stand_in()
        assert context.master.addons.get(NAME) is None
