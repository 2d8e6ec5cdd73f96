"""The options, and what is said of dangerous ones."""

import pytest
from mitmproxy.test import taddons

from llmcap.shell.options import declare, listens_to_all


class Declares:
    """An addon with our options."""

    def load(self, loader):
        """As LLMCap does it."""
        declare(loader)


def test_every_option_names_its_environment_variable():
    """A user who reads one learns the other."""
    with taddons.context(Declares()) as context:
        ours = [name for name in context.options.keys() if name.startswith("llmcap_")]  # noqa: SIM118 - no iterable
        assert len(ours) >= 3
        for name in ours:
            assert name.upper() in context.options._options[name].help


@pytest.mark.parametrize(
    ("modes", "host", "exposed"),
    [
        (["regular"], "", True),
        (["regular"], "127.0.0.1", False),
        (["regular@127.0.0.1:8080"], "", False),
        (["regular@8081"], "", True),
        (["regular@127.0.0.1:1", "socks5"], "", True),
        (["socks5"], "0.0.0.0", True),
    ],
    ids=str,
)
def test_a_proxy_for_everybody_is_noticed(modes, host, exposed):
    """Anyone who reaches it can spend the budget."""
    with taddons.context() as context:
        for name, value in (("mode", modes), ("listen_host", host)):
            if name not in context.options:
                context.options.add_option(name, type(value) if value else str, value, "")
        context.options.update(mode=modes, listen_host=host)
        assert listens_to_all() is exposed
