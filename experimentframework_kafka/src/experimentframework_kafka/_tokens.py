"""Tokens of OAUTHBEARER, from a function of the application."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from experimentframework_core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenError(KafkaError):  # type: ignore[misc]
    """There is no token to sign in with. Its kind is one that aiokafka lives through."""

    explained = True

    def __str__(self) -> str:
        """Return only what is wrong."""
        return str(self.args[0])


class Tokens(AbstractTokenProvider):  # type: ignore[misc]
    """Asks the application's function whenever a connection is made."""

    def __init__(self, name: str, timeout: float) -> None:
        """Find the function ``name``, which has ``timeout`` seconds each time.

        Raises:
            UnavailableError: It is not there, or no function.
        """
        self._what = f"security.tokenProvider {name!r}"
        self._function = _found(name, self._what)
        self._timeout = timeout

    async def token(self) -> str:
        """Return a token.

        Raises:
            TokenError: The function raised, was too slow, or returned something else.
        """
        try:
            async with asyncio.timeout(self._timeout):
                token = self._function()
                if hasattr(token, "__await__"):
                    token = await token
        except TimeoutError as error:
            raise TokenError(f"{self._what} gave no token within {self._timeout:g} s") from error
        except Exception as error:
            raise TokenError(f"{self._what} raised {type(error).__name__}: {error}") from error
        if not isinstance(token, str) or not token or not token.isprintable():
            kind = "text that is no token" if isinstance(token, str) else type(token).__name__
            raise TokenError(f"{self._what} returned {kind}; expected a token as text")
        return token


def _found(name: str, what: str) -> Callable[[], Any]:
    module, _, function = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise UnavailableError(
            f"cannot use {what}: {type(error).__name__}: {error}; expected module:function"
        ) from error
    if not callable(found):
        raise UnavailableError(
            f"cannot use {what}: it is of type {type(found).__name__}, no function"
        )
    return found  # type: ignore[no-any-return]
