"""What a provider sees of a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from experimentframework_core.web import RequestView


def view(*headers: tuple[bytes, bytes], **scope: Any) -> RequestView:
    return RequestView({"type": "http", "headers": list(headers), **scope})


def test_headers_have_names_in_lower_case_and_joined_values() -> None:
    """Given headers as servers and bad clients send them, When read, Then each name is there."""
    request = view((b"X-User", b"u-1"), (b"via", b"a"), (b"via", b"b"), (b"x-name", b"Zo\xeb"))

    found = request.headers

    assert found == {"x-user": "u-1", "via": "a, b", "x-name": "Zoë"}


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        (b"user=u-1; theme=dark", {"user": "u-1", "theme": "dark"}),
        (b'user="u-1"', {"user": "u-1"}),
        (b"a==b; ;broken; user=u-1", {"a": "=b", "user": "u-1"}),
        (b"", {}),
    ],
)
def test_a_bad_cookie_does_not_hide_the_good_ones(header: bytes, cookies: dict[str, str]) -> None:
    request = view((b"cookie", header))

    found = request.cookies

    assert found == cookies


@pytest.mark.parametrize("user", ["Müller", "a,b", 'q"x', "a;b", "back\\slash", "a b"])
def test_a_cookie_has_the_text_that_was_set(user: str) -> None:
    """Given a cookie that a framework quoted, When it comes back, Then it has its text again."""
    response = Response()
    response.set_cookie("user", user)
    written = dict(response.raw_headers)[b"set-cookie"].partition(b"; Path")[0]

    found = view((b"cookie", written)).cookies

    assert found == {"user": user}


@settings(deadline=None)
@given(st.text(st.sampled_from('ab=;" \\057,\xfc'), max_size=40))
def test_cookies_are_read_as_starlette_reads_them(written: str) -> None:
    """Given any header, When both read it, Then they differ only in what has no equals sign."""
    header = (b"cookie", written.encode("latin-1"))
    theirs = Request({"type": "http", "headers": [header]}).cookies

    ours = view(header).cookies

    ours.pop("", None)
    theirs.pop("", None)
    assert ours == theirs


def test_cookies_may_come_in_several_headers() -> None:
    """Given HTTP/2, where each cookie may be a header, When they are read, Then all are there."""
    request = view((b"cookie", b"a=1"), (b"cookie", b"b=2"))

    found = request.cookies

    assert found == {"a": "1", "b": "2"}


def test_the_rest_is_read_from_the_scope() -> None:
    request = view(path="/shop", query_string=b"user=u%2D1&x=&user=u-2", state={"k": 1}, user="me")

    found = (request.path, request.query, request.state, request.user)

    assert found == ("/shop", {"user": "u-2", "x": ""}, {"k": 1}, "me")


def test_what_is_not_there_is_empty() -> None:
    request = RequestView({"type": "http"})

    found = (request.path, request.query, request.headers, request.cookies, request.state)

    assert found == ("", {}, {}, {}, {})
    assert request.user is None
