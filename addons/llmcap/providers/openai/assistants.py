"""
OpenAI's Assistants, at OpenAI and where Azure has them: which path of theirs has which format.

A run names an assistant and works with its model and its tools, which the assistant's own object
tells when it is made, changed or looked at.
https://platform.openai.com/docs/api-reference/assistants
"""

from collections.abc import Callable
from dataclasses import replace

from llmcap.providers.openai.runs import RunReader, limit_run, read_run, read_stored
from llmcap.providers.parts.made import agents, making
from llmcap.providers.parts.routes import routes_to
from llmcap.providers.parts.shape import Ask, Billing, Endpoint, Request

RUN = Endpoint(name="runs", fields="runs", read=read_run, reader=RunReader, limit=limit_run)
STORED_RUN = Endpoint(
    name="stored run", billing=Billing.DEFERRED, read=read_stored, reader=RunReader
)


def assistants_api(
    *bases: str, dialect: str = "openai", read: Callable[[Request], Ask] = read_run
) -> list[tuple[str, str, Endpoint]]:
    """The routes of assistants, threads and runs below each of these paths."""
    run = replace(RUN, read=read, dialect=dialect)
    stored = replace(STORED_RUN, dialect=dialect)
    made = making("assistants", agents, dialect=dialect)
    free = Endpoint(name="free", billing=Billing.FREE, dialect=dialect)
    return [
        route
        for base in bases
        for route in (
            ("POST", f"{base}/threads/runs", run),
            ("POST", f"{base}/threads/{{}}/runs", run),
            ("GET", f"{base}/threads/{{}}/runs/{{}}", stored),
            ("POST", f"{base}/threads/{{}}/runs/{{}}/cancel", stored),
            ("POST", f"{base}/threads/{{}}/runs/{{}}/submit_tool_outputs", stored),
            ("POST|GET", f"{base}/assistants", made),
            ("POST|GET", f"{base}/assistants/{{}}", made),
            *routes_to(free, "POST", f"{base}/threads", f"{base}/threads/{{}}"),
            *routes_to(free, "POST", f"{base}/threads/{{}}/runs/{{}}"),
            *routes_to(free, "POST", f"{base}/threads/{{}}/messages"),
            *routes_to(free, "POST", f"{base}/threads/{{}}/messages/{{}}"),
            *routes_to(free, "GET|DELETE", f"{base}/threads/**"),
            *routes_to(free, "DELETE", f"{base}/assistants/{{}}"),
        )
    ]
