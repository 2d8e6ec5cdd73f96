"""
Venice: api.venice.ai. Each answer tells its cost beside the usage: `cost.usd`.

https://docs.venice.ai/api-reference
"""

from dataclasses import replace
from decimal import Decimal

from llmcap.providers.compatible import LATER, Api, Read, compatible
from llmcap.providers.compatible_tools import own_tools, switched_on
from llmcap.providers.parts import hosted
from llmcap.providers.parts.reader import amount, document
from llmcap.providers.parts.shape import Ask, Document, Request

# It is not published; calls that said one word were billed for up to 1,600 tokens.
OWN_PROMPT_TOKENS = 4_000

# A call that searches pays once, and for each page that the last message names, of at most five:
# https://docs.venice.ai/overview/pricing
PAGES_MAX = 5


def cost(told: Document) -> Decimal | None:
    """The bill of an answer, in dollars."""
    return amount(document(told.get("cost")).get("usd"))


def with_own_prompt(read: Read) -> Read:
    """The same with the prompt that Venice puts in front, unless it is told not to."""

    def read_with_prompt(request: Request) -> Ask:
        ask = read(request)
        if not ask.generates:
            return ask
        options = document(request.document().get("venice_parameters"))
        if options.get("include_venice_system_prompt") is False:
            return ask
        return replace(ask, extra_input=ask.extra_input + OWN_PROMPT_TOKENS)

    return read_with_prompt


def searching(body: Document) -> hosted.Hosted:
    """What Venice's own searches may add: of the web, of the pages that are named, of X."""
    asked = own_tools(body)
    options = document(body.get("venice_parameters"))
    fees = dict(asked.fees)
    if "web_search" in fees or switched_on(options.get("enable_web_search")):
        fees["web_search"] = 1
    if switched_on(options.get("enable_web_scraping")):
        fees["web_fetch"] = PAGES_MAX
    if switched_on(options.get("enable_x_search")):
        fees["x_search"] = hosted.USES_DEFAULT  # billed by what it finds, and nothing says how much
    if not fees:
        return asked
    return hosted.Hosted(fees, asked.loops, hosted.RESULT_TOKENS * (1 + len(fees)))


PROVIDER = compatible(
    "venice",
    "api.venice.ai",
    bases=("/api/v1",),
    api=Api(bill=cost, reads=with_own_prompt, tools=searching, asks_usage=False),
    more=(("POST", "/api/v1/image/{}", LATER),),
)
