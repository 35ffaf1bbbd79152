"""Finds brokers that answer and take us, or says of each why not: aiokafka itself only logs it."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_kafka._addresses import Address, addresses
from experimentframework_kafka._client import client_arguments
from experimentframework_kafka._errors import delivery_error
from experimentframework_kafka._quiet import quieten
from experimentframework_kafka._versions import why_unusable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.client import AIOKafkaClient
    from aiokafka.conn import AIOKafkaConnection

    from experimentframework_kafka._options import KafkaOptions, KafkaSecurity

PATIENCE = 8.0
"""Seconds that brokers have to answer, all together: less than a backplane has to open."""

NAMED_PATIENCE = 3.0
"""Seconds for the brokers that those name, when a start does not get on."""

HEAD_START = 1.0
"""Seconds that a broker has to itself before the next one is asked too."""

_ASKS = ", or ask for a certificate (security.certfile)"
_NOT_OF_A_CONNECTION = ("bootstrap_servers", "metadata_max_age_ms", "retry_backoff_ms")


async def first_that_answers(options: KafkaOptions) -> Address:
    """Return the first broker of the options that answers and takes us.

    One that hangs does not keep us from the next.

    Raises:
        TransientError: None answers; the text says of each why not.
        UnavailableError: One refuses us, and none takes us.
    """
    quieten()
    found = await _first(addresses(options.brokers), options, PATIENCE)
    if isinstance(found, Address):
        return found
    raise _together(found)


async def why_unreachable(options: KafkaOptions, client: AIOKafkaClient | None) -> TransientError:
    """Return why the cluster cannot be used, although it was found once."""
    try:
        broker = await first_that_answers(options)
    except TransientError as error:
        return error
    if client is not None and (why := await why_lost(broker, options, client)) is not None:
        return why
    return TransientError(f"the cluster did not answer; {broker} answers now")


async def why_none_answers(options: KafkaOptions, client: AIOKafkaClient) -> TransientError | None:
    """Return an error if no broker answers, of the options or of those that they have named."""
    named = (Address(each.host, each.port) for each in client.cluster.brokers())
    known = dict.fromkeys((*addresses(options.brokers), *named))
    try:
        found = await _first(known, options, PATIENCE)
    except TransientError as error:
        return error
    return None if isinstance(found, Address) else _together(found)


async def why_lost(
    broker: Address, options: KafkaOptions, client: AIOKafkaClient
) -> TransientError | None:
    """Return an error if no broker answers that ``broker`` names as one of the cluster."""
    named = [Address(each.host, each.port) for each in client.cluster.brokers()]
    found = await _first(named, options, NAMED_PATIENCE)
    if isinstance(found, Address):
        return None
    if not found:
        return TransientError(f"{broker} answers, but names no broker of its cluster")
    if isinstance(refused := _together(found), UnavailableError):
        return refused
    return TransientError(
        f"{broker} answers, but no broker that it names (advertised.listeners): "
        f"{'; '.join(map(str, found))}"
    )


async def _first(
    brokers: Iterable[Address], options: KafkaOptions, patience: float
) -> Address | list[TransientError]:
    """Return the first that answers, else a refusal of each."""
    left, refusals = deque(brokers), list[TransientError]()
    asking: dict[asyncio.Future[TransientError | None], Address] = {}
    arguments = _arguments(options)
    try:
        async with asyncio.timeout(patience):
            while left or asking:
                if left:
                    task = asyncio.ensure_future(_refusal(left[0], arguments, options))
                    asking[task] = left.popleft()
                done, _ = await asyncio.wait(
                    asking,
                    timeout=HEAD_START if left else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for each in done:
                    broker = asking.pop(each)
                    if (refusal := each.result()) is None:
                        return broker
                    refusals.append(refusal)
    except TimeoutError:
        refusals += [TransientError(f"{each}: no answer in time") for each in asking.values()]
    finally:
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    return refusals


def _together(refusals: Iterable[TransientError]) -> TransientError:
    for each in refusals:
        if isinstance(each, UnavailableError):
            return each
    return TransientError(f"no broker answers: {'; '.join(map(str, refusals))}")


def _arguments(options: KafkaOptions) -> dict[str, Any]:
    arguments = {"client_id": "experimentframework", **client_arguments(options)}
    arguments["max_idle_ms"] = arguments.pop("connections_max_idle_ms", None)
    return {name: each for name, each in arguments.items() if name not in _NOT_OF_A_CONNECTION}


async def _refusal(
    broker: Address, arguments: dict[str, Any], options: KafkaOptions
) -> TransientError | None:
    """Return why a broker does not take us; None where it does."""
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaError

    doing = f"sign in at {broker}"
    try:
        connection = await create_conn(broker.host, broker.port, **arguments)
    except ssl.SSLCertVerificationError as error:
        return UnavailableError(
            f"cannot trust {broker}: {error}; security.cafile names who is trusted"
        )
    except (KafkaError, OSError, TimeoutError, UnicodeError) as error:
        found = delivery_error(error, doing)
        if isinstance(found, UnavailableError):
            return found
        return TransientError(f"{broker}: {_reason(error, options.security)}")
    try:
        return await _refusal_over(connection, broker, options)
    finally:
        connection.close()


async def _refusal_over(
    connection: AIOKafkaConnection, broker: Address, options: KafkaOptions
) -> TransientError | None:
    if (why := why_unusable(connection._versions, options)) is not None:  # noqa: SLF001
        return UnavailableError(f"cannot use {broker}: {why}")
    by_token = options.security.mechanism == "OAUTHBEARER"
    if options.security.protocol.startswith("SASL") and not by_token:
        return None
    named = await _brokers_named(connection)
    if by_token and not named:
        return UnavailableError(
            f"cannot sign in at {broker}: the brokers refuse the token, or it has expired; see "
            "security.tokenProvider"
        )
    if named is None:
        return TransientError(
            f"{broker}: it takes the connection, and closes it when asked something; it may "
            "expect to be signed in to: say a security.protocol with SASL"
        )
    return None


async def _brokers_named(connection: AIOKafkaConnection) -> int | None:
    """Return how many brokers one names; None where it does not tell: it wants a sign-in first.

    aiokafka does not read the answer to a token, and versions are told to everyone.
    """
    from aiokafka.errors import KafkaError
    from aiokafka.protocol.metadata import MetadataRequest

    with suppress(KafkaError, TimeoutError):
        answer = await connection.send(MetadataRequest([]))
        return len(answer.brokers)
    return None


def _reason(error: BaseException, security: KafkaSecurity) -> str:
    from aiokafka.errors import KafkaConnectionError

    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return f"the name cannot be resolved: {error.strerror}"
    if isinstance(error, ConnectionResetError | KafkaConnectionError | ssl.SSLError):
        closed = error.reason if isinstance(error, ssl.SSLError) else "it closes the connection"
        asks = "" if security.certfile or not security.protocol.endswith("SSL") else _ASKS
        return f"{closed}; does it speak {security.protocol} there (security.protocol){asks}?"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # asyncio's own text has only the address.
    return str(error) or type(error).__name__
