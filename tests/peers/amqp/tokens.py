"""Whether a token that a client brings lets it in."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final
from urllib.parse import unquote

KEY_NAME: Final = "RootManageSharedAccessKey"
KEY: Final = "aHVudGVyMg=="
IDENTITY_TOKEN: Final = "token-of-an-identity"
"""The one bearer token that the broker takes."""

_prefix: Final = "SharedAccessSignature "


def why_refused(token: str, now: float) -> str | None:
    """Return what is wrong with a token; None if it is good.

    Args:
        token: A shared access signature, whose type the client calls a JWT too, or a bearer token.
        now: Seconds since 1970.
    """
    if not token.startswith(_prefix):
        return None if token == IDENTITY_TOKEN else "InvalidToken: The token is not known."
    pairs = (part.partition("=") for part in token.removeprefix(_prefix).split("&"))
    said = {name: value for name, _, value in pairs}
    if not said.keys() >= {"sr", "sig", "se", "skn"}:
        return "InvalidToken: The token is malformed."
    if said["skn"] != KEY_NAME:
        return "InvalidSignature: The key name is not known."
    signed = hmac.new(KEY.encode(), f"{said['sr']}\n{said['se']}".encode(), hashlib.sha256)
    if base64.b64encode(signed.digest()).decode() != unquote(said["sig"]):
        return "InvalidSignature: The token has an invalid signature."
    return None if float(said["se"]) > now else "ExpiredToken: The token is expired."
