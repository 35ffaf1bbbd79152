"""Which tokens let a client in."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.peers.amqp.tokens import IDENTITY_TOKEN, KEY, KEY_NAME, why_refused


def _signed(*, key: str = KEY, name: str = KEY_NAME, ends: int = 1000) -> str:
    said = f"sb%3a%2f%2fhere%2fevents\n{ends}".encode()
    signature = base64.b64encode(hmac.new(key.encode(), said, hashlib.sha256).digest()).decode()
    quoted = signature.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    return f"SharedAccessSignature sr=sb%3a%2f%2fhere%2fevents&sig={quoted}&se={ends}&skn={name}"


@pytest.mark.parametrize("token", [_signed(), IDENTITY_TOKEN])
def test_a_good_token_lets_in(token: str) -> None:
    """Given a token with our key or of an identity, When it is put, Then nothing is wrong."""
    assert why_refused(token, 999) is None


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (_signed(ends=900), "ExpiredToken: The token is expired."),
        (_signed(key="other"), "InvalidSignature: The token has an invalid signature."),
        (_signed(name="other"), "InvalidSignature: The key name is not known."),
        ("SharedAccessSignature sr=x", "InvalidToken: The token is malformed."),
        ("of somebody else", "InvalidToken: The token is not known."),
    ],
)
def test_a_bad_token_is_refused(token: str, why: str) -> None:
    """Given a token that is none of ours, When it is put, Then it is refused with the reason."""
    assert why_refused(token, 999) == why
