"""Which errors are billed though they tell no usage: by vendor, status and what they say."""

import pytest

from llmcap.providers.parts.refused import REFUSED, Billed, fee_usd, refused

FILTERED = b'{"error": {"code": "content_filter", "status": 400}}'
PICTURE = b'{"error": {"code": "contentFilter", "message": "..."}}'
INNER = b'{"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}'
TOO_LONG = b'{"error": {"code": "context_length_exceeded"}}'
VIOLATES = b'{"code": "denied", "error": "Content violates usage guidelines. Failed check: X"}'
OTHER = b'{"error": {"code": "invalid_request_error", "message": "no"}}'


@pytest.mark.parametrize(
    ("provider", "status", "body", "bills"),
    [
        ("azure-openai", 400, FILTERED, Billed.ALL),
        ("azure-ai", 400, FILTERED, Billed.ALL),
        ("azure-openai", 400, PICTURE, Billed.ALL),
        ("azure-openai", 400, INNER, Billed.ALL),
        ("azure-openai", 400, TOO_LONG, Billed.INPUT),
        ("azure-ai", 413, TOO_LONG, Billed.INPUT),
        ("azure-openai", 408, b"", Billed.ALL),
        ("azure-ai", 504, b"<html>", Billed.ALL),
        ("azure-openai", 500, OTHER, Billed.ALL),
        ("azure-openai", 502, None, Billed.ALL),
        ("azure-openai", 503, OTHER, None),
        ("xai", 403, VIOLATES, Billed.ALL),
        ("xai", 400, b"Failed check: SAFETY_CHECK_TYPE_BIO", Billed.ALL),
        ("azure-openai", 400, None, Billed.ALL),  # torn: what it may have said
        ("azure-openai", 413, None, Billed.INPUT),
        ("xai", 403, None, Billed.ALL),
        ("azure-openai", 400, OTHER, None),
        ("azure-openai", 401, b"", None),
        ("azure-openai", 429, FILTERED, None),
        ("azure-openai", 429, None, None),
        ("xai", 403, OTHER, None),
        ("openai", 400, FILTERED, None),
        ("openai", 408, None, None),
    ],
)
def test_an_error_is_billed_where_its_vendor_says_so(provider, status, body, bills):
    """Whoever says nothing of errors bills none; what did not come whole is the dearest."""
    row = refused(provider, status, body)
    assert (row.bills if row else None) == bills


def test_every_row_has_a_source_and_marks_that_can_be_met():
    """What is looked for is in small letters, as what it is looked for in."""
    for rows in REFUSED.values():
        for row in rows:
            assert row.source.startswith("https://")
            assert all(mark and mark == mark.lower() for mark in row.marks)


def test_a_vendor_with_a_fee_for_refusals_bills_some():
    """The fee is for its Responses alone."""
    assert fee_usd("xai", "responses")
    assert "xai" in REFUSED
    assert not fee_usd("xai", "chat completions")
