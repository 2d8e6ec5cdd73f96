"""
Promise: whatever a request says, no bill that its vendor could write is above what was held for it.

What the vendors document is in `documented_apis` and `documented_vendors`, field by field, with the
dearest that each value can cost; how LLMCap reads requests is not known there. A request is any
choice of these values. It may be refused: a refusal costs nothing. What is held is the bound before
anything is counted.
"""

import json
from decimal import ROUND_FLOOR
from typing import Any
from urllib.parse import quote

import pytest
from documented import Bill, Documented, Model
from documented_apis import ENDPOINTS as COPIED
from documented_vendors import ENDPOINTS as OWN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from walk import walk

from llmcap.providers.parts.shape import Request
from llmcap.walk.admission import Admission
from llmcap.walk.answers import Refused
from llmcap.walk.attributes import Facts

ENDPOINTS = {**COPIED, **OWN}
FIELDS_MAX = 5  # at once; more make no other bill
PLACES = [(name, model) for name, each in ENDPOINTS.items() for model in each.models]
THERE = walk("")


@st.composite
def requests(draw: st.DrawFn, documented: Documented, model: Model) -> tuple[Request, Bill, Any]:
    """A request of some of the documented fields, and the dearest bill of it."""
    names = draw(
        st.lists(st.sampled_from(sorted(documented.fields)), unique=True, max_size=FIELDS_MAX)
    )
    chosen = {name: draw(st.sampled_from(documented.fields[name])) for name in names}
    return made(documented, model, chosen)


def made(documented: Documented, model: Model, chosen: dict[str, Any]) -> tuple[Request, Bill, Any]:
    """The request of these values, and its bill."""
    bill = Bill(model, usual=set(documented.usual))
    documented.begins(bill)
    document = json.loads(
        json.dumps({"model": documented.named or model.name, **documented.always})
    )
    for name, (value, effect) in chosen.items():
        place = document
        *above, last = name.split(".")
        for each in above:
            place = place.setdefault(each, {})
        place[last] = value
        effect(bill)
    _always(documented, chosen, bill)
    return sent(documented, model, document), bill, document


def _always(documented: Documented, chosen: dict[str, Any], bill: Bill) -> None:
    """What a request has in any case costs too, where no other value took its place."""
    for name, choices in documented.fields.items():
        place: Any = documented.always
        for each in name.split("."):
            place = place.get(each) if isinstance(place, dict) else None
        for value, effect in choices:
            if name not in chosen and place is not None and value == place:
                effect(bill)
                break


def sent(documented: Documented, model: Model, document: dict[str, Any]) -> Request:
    """As it goes over the wire."""
    headers, query = {"content-type": documented.content_type, **documented.headers}, {}
    body = json.dumps(document).encode()
    if documented.query:
        query, body = (
            {name: str(value) for name, value in document.items()},
            b'{"url": "https://x"}',
        )
    elif documented.content_type.startswith("multipart/"):
        headers["content-type"] = "multipart/form-data; boundary=x"
        body = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
            % (name.encode(), str(value).encode())
            for name, value in document.items()
        ) + b"--x--\r\n"  # fmt: skip
    path = documented.path.format(model=quote(model.name, safe="/:"))
    return Request(
        method="POST", host=documented.host, path=path, query=query, headers=headers, body=body
    )


def held(request: Request) -> int | None:
    """Nano-dollars that are held for it; None where it is not sent."""
    considered = THERE.firewall.consider(request, Facts())
    if isinstance(considered, Refused):
        return None
    assert isinstance(considered, Admission), f"passed unmetered: {considered}"
    return considered.demand.ceiling_nanos()


def nanos(bill: Bill) -> int:
    """The bill in whole nano-dollars."""
    return int((bill.usd() * 10**9).to_integral_value(ROUND_FLOOR))


def check(drawn: tuple[Request, Bill, Any]) -> None:
    """The promise, for one request."""
    request, bill, document = drawn
    hold = held(request)
    if hold is not None:
        assert hold >= nanos(bill), f"held ${hold / 1e9:.6f} of ${bill.usd():.6f}: {document}"[:900]


def each_place() -> pytest.MarkDecorator:
    """One case for each endpoint and model."""
    return pytest.mark.parametrize(
        ("name", "model"), PLACES, ids=[f"{name}, {model.name}" for name, model in PLACES]
    )


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@each_place()
def test_no_legal_bill_is_above_its_hold(name: str, model: Model) -> None:
    """A handful of fields at a time, each at one of its dearest values."""

    @settings(max_examples=15, deadline=None, suppress_health_check=QUIET, derandomize=True)
    @given(requests(ENDPOINTS[name], model))
    def holds(drawn: tuple[Request, Bill, Any]) -> None:
        check(drawn)

    holds()


@each_place()
def test_no_single_field_makes_a_bill_above_its_hold(name: str, model: Model) -> None:
    """Every documented value of every field, alone."""
    documented = ENDPOINTS[name]
    for field, choices in documented.fields.items():
        for choice in choices:
            check(made(documented, model, {field: choice}))


@each_place()
def test_a_plain_call_is_bounded_and_not_refused(name: str, model: Model) -> None:
    """Else all of the above would hold by refusing everything."""
    documented = ENDPOINTS[name]
    request, bill, _ = made(documented, model, {})
    hold = held(request)
    assert (hold is None) == documented.refused
    assert nanos(bill) > 0
    assert hold is None or hold >= nanos(bill)


@pytest.mark.slow
@each_place()
def test_no_legal_bill_is_above_its_hold_in_many_examples(name: str, model: Model) -> None:
    """The same, for as long as one has patience."""

    @settings(max_examples=1_000, deadline=None, suppress_health_check=QUIET)
    @given(requests(ENDPOINTS[name], model))
    def holds(drawn: tuple[Request, Bill, Any]) -> None:
        check(drawn)

    holds()
