"""Promise: who is known to sell model calls is metered, or refused, or told of."""

import pytest
from rows import each_row
from sdk_methods import PACKAGES, hosts_named

from llmcap.providers import match, provider_of
from llmcap.providers.parts.shape import Billing, Request
from llmcap.providers.sellers import SELLERS
from llmcap.providers.unmetered import everyone, unmetered
from llmcap.words.rules import HostPolicy

ROWS = each_row("row", everyone(), ids=lambda row: row.name)


@ROWS
def test_a_row_is_whole_and_finds_itself(row):
    """Each has a source, a verdict, and hosts that are nobody else's."""
    assert row.sells
    assert row.source
    assert row.unless_said in (HostPolicy.REFUSE, HostPolicy.WARN)
    for host in row.hosts:
        assert unmetered(host.replace("*", "some-part")) is row
        assert unmetered(host.replace("*", "some-part").upper() + ".") is row


@ROWS
def test_no_row_is_dead(row):
    """A host that is metered is in the table of providers, and not here."""
    for host in row.hosts:
        assert provider_of(host.replace("*", "some-part")) is None, host


def test_every_name_is_one_sellers():
    """As `pass_hosts` takes it for that."""
    names = [row.name for row in everyone()]
    assert len(set(names)) == len(names)


@each_row("seller", SELLERS, ids=lambda seller: seller.name)
def test_a_seller_without_prices_has_the_api_of_openai(seller):
    """Chats are read, limited and metered; its models have no price until somebody names one."""
    assert seller.source
    for host in seller.hosts:
        for base in seller.bases:
            path = f"{base.replace('{}', 'x')}/chat/completions"
            found = match(host.replace("*", "some-part"), "POST", path)
            assert found is not None
            assert found[1] is not None, path
            assert found[1].billing is Billing.METERED


# Of each kind one, as programs have them: host, path, and whose it is.
MET = [
    ("gateway.ai.cloudflare.com", "/v1/acc/gw/openai/chat/completions", "openai"),
    ("gateway.ai.cloudflare.com", "/v1/acc/gw/anthropic/v1/messages", "anthropic"),
    ("gateway.ai.cloudflare.com", "/v1/a/g/groq/chat/completions", "groq"),
    ("gateway.ai.cloudflare.com", "/v1/a/g/mistral/v1/chat/completions", "mistral"),
    ("gateway.ai.cloudflare.com",
     "/v1/a/g/google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent", "google"),
    ("gateway.ai.cloudflare.com", "/v1/a/g/workers-ai/v1/chat/completions", "cloudflare"),
    ("gateway.ai.cloudflare.com", "/v1/a/g/compat/chat/completions", "cloudflare-gateway"),
    ("api.cloudflare.com", "/client/v4/accounts/a/ai/v1/chat/completions", "cloudflare"),
    ("oai.helicone.ai", "/v1/chat/completions", "helicone-openai"),
    ("anthropic.helicone.ai", "/v1/messages", "helicone-anthropic"),
    ("api.portkey.ai", "/v1/chat/completions", "portkey"),
    ("router.requesty.ai", "/v1/chat/completions", "requesty"),
    ("opencode.ai", "/zen/v1/chat/completions", "opencode-zen"),
    ("qianfan.baidubce.com", "/v2/chat/completions", "qianfan"),
    ("inference.do-ai.run", "/v1/chat/completions", "digitalocean"),
    ("x--y.modal.run", "/v1/chat/completions", "modal"),
    ("api.individual.githubcopilot.com", "/chat/completions", "github-copilot"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "path", "name"), MET)
def test_who_speaks_a_known_format_is_metered(host, path, name):
    """Under the name, and so the prices, of whoever bills the call."""
    provider, endpoint = match(host, "POST", path)
    assert provider.name == name
    assert endpoint.billing is Billing.METERED


def test_a_call_inside_a_gateways_path_is_read_as_the_vendors():
    """The model stands where the vendor has it."""
    path = "/v1/a/g/google-ai-studio/v1beta/models/gemini-2.5-flash:generateContent"
    _, endpoint = match("gateway.ai.cloudflare.com", "POST", path)
    request = Request(method="POST", host="gateway.ai.cloudflare.com", path=path, body=b"{}")
    assert endpoint.read(request).model == "gemini-2.5-flash"


@pytest.mark.parametrize(
    "path",
    ["/v1/a/g", "/v1/a/g/azure-openai/r/d/chat/completions", "/v1/a/g/openai/v9/oracle"],
)
def test_what_a_gateway_passes_on_to_nobody_known_is_not_free(path):
    """Several calls in one, a vendor that is not known, a path that the vendor does not have."""
    found = match("gateway.ai.cloudflare.com", "POST", path)
    assert found is not None
    assert found[1] is None or found[1].billing is Billing.UNMETERABLE


@pytest.mark.skipif(PACKAGES is None, reason="scripts/test makes .venv-clients")
def test_the_hosts_of_hugging_faces_vendors_are_known():
    """A call with a vendor's own key goes there directly."""
    hosts = hosts_named("huggingface_hub/inference/_providers")
    assert "api.together.xyz" in hosts
    assert not [host for host in hosts if provider_of(host) is None and unmetered(host) is None]
