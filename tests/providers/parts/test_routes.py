"""Promise: a literal path wins, `{}` is one segment, `/**` is anything below."""

import pytest

from llmcap.providers.parts.routes import Routes, normal
from llmcap.providers.parts.shape import Endpoint

ONE, TWO, ANY, BELOW = (Endpoint(name=name) for name in ("one", "two", "any", "below"))
ROUTES = Routes(
    (
        ("GET", "/v1/things/{}", ANY),
        ("POST", "/v1/things/special", ONE),
        ("*", "/v1/things/special", TWO),
        ("*", "/v1/things/**", BELOW),
    )
)


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("POST", "/v1/things/special", ONE),
        ("GET", "/v1/things/special", TWO),
        ("GET", "/v1/things/other", ANY),
        ("DELETE", "/v1/things/other", BELOW),
        ("GET", "/v1/things/other/parts/3", BELOW),
        ("GET", "/v1/things", BELOW),
        ("GET", "/v1/thingsandmore", None),
        ("GET", "/v1", None),
        ("GET", "/", None),
    ],
)
def test_the_most_literal_route_wins(method, path, endpoint):
    """In the order of literal, pattern, anything."""
    assert ROUTES(method, path) is endpoint


def test_slashes_that_do_not_count_are_taken_out():
    """As servers do."""
    assert [normal(path) for path in ("//a///b/", "/", "", "/a")] == ["/a/b", "/", "/", "/a"]
