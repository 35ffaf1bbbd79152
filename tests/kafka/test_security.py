"""What does not fit together in ``security``, each with its exact message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kafka._checks import SECRET, said, secured

if TYPE_CHECKING:
    from experimentframework_kafka import KafkaOptions

MECHANISMS = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (
            secured(protocol="SASL_SSL"),
            [("security.mechanism", f"missing; SASL_SSL needs {MECHANISMS}")],
        ),
        (
            secured(protocol="SASL_SSL", mechanism="SCRAM-SHA-512"),
            [
                ("security.username", "missing; SCRAM-SHA-512 needs it"),
                ("security.password", "missing; SCRAM-SHA-512 needs it"),
            ],
        ),
        (
            secured(protocol="SASL_SSL", mechanism="OAUTHBEARER", username="u"),
            [
                ("security.tokenProvider", "missing; OAUTHBEARER needs it"),
                (
                    "security.username",
                    (
                        "has no effect with OAUTHBEARER; expected mechanism PLAIN, SCRAM-SHA-256 or"
                        " SCRAM-SHA-512, or leave it out"
                    ),
                ),
            ],
        ),
        (
            secured(
                protocol="SASL_SSL",
                mechanism="PLAIN",
                username="u",
                password=SECRET,
                token_provider="a:b",
            ),
            [
                (
                    "security.tokenProvider",
                    "has no effect with PLAIN; expected mechanism OAUTHBEARER, or leave it out",
                )
            ],
        ),
        (
            secured(protocol="SASL_SSL", mechanism="OAUTHBEARER", token_provider="shop.auth"),
            [
                (
                    "security.tokenProvider",
                    "not the name of a function; expected module:function",
                )
            ],
        ),
        (
            secured(mechanism="PLAIN", password=SECRET),
            [
                (
                    f"security.{key}",
                    (
                        "has no effect with protocol PLAINTEXT; expected a SASL protocol,"
                        " or leave it out"
                    ),
                )
                for key in ("mechanism", "password")
            ],
        ),
        (
            secured(cafile="ca.pem"),
            [
                (
                    "security.cafile",
                    "has no effect with protocol PLAINTEXT; expected protocol SSL, or leave it out",
                )
            ],
        ),
        (
            secured(protocol="SSL", keyfile="own.key", keyfile_password=SECRET),
            [
                (
                    f"security.{key}",
                    "has no effect without certfile, the key's certificate",
                )
                for key in ("keyfile", "keyfilePassword")
            ],
        ),
        (
            secured(protocol="SASL_PLAINTEXT", mechanism="PLAIN", username="u", password=SECRET),
            [
                (
                    "security.protocol",
                    (
                        "sends what PLAIN signs in with over the network as it is;"
                        " expected SASL_SSL, except on a network that nobody else reads"
                    ),
                    "warning",
                )
            ],
        ),
    ],
)
def test_security_that_does_not_fit_together(
    bad: KafkaOptions, expected: list[tuple[str, ...]]
) -> None:
    """Given security with something missing or useless, When checked, Then each is named."""
    found = said(bad)

    assert found == expected
