"""What an address of a broker is, each problem with its exact message."""

from __future__ import annotations

import pytest

from tests.kafka._checks import options, said

NO_HOST = (
    "the host is no name of parts with a '.' between, each of up to 63 letters, digits, '-' and '_'"
)


@pytest.mark.parametrize(
    ("brokers", "path", "message"),
    [
        ("", "brokers", "'' is not a broker: it is empty; expected host:port"),
        (
            ("one", "u:hunter2@two:9092"),
            "brokers[1]",
            "an address has no user in it; expected host:port, and security.username",
        ),
        ((), "brokers", "0 addresses; expected 1 to 1,000"),
        ("x," * 1000, "brokers", "1,001 addresses; expected 1 to 1,000"),
        ("one,,two", "brokers", "'' is not a broker: it is empty; expected host:port"),
        (
            "kafka://one:9092",
            "brokers",
            (
                "'kafka://one:9092' is not a broker: the protocol is said in security.protocol;"
                " expected host:port"
            ),
        ),
        (
            ("one,two",),
            "brokers[0]",
            "'one,two' is not a broker: each address is an item of its own; expected host:port",
        ),
        (
            ("one", "::1"),
            "brokers[1]",
            (
                "'::1' is not a broker: an IPv6 address stands in brackets, as in [::1]:9092;"
                " expected host:port"
            ),
        ),
        (
            ("[one]:9092",),
            "brokers[0]",
            (
                "'[one]:9092' is not a broker: in the brackets stands no IPv6 address,"
                " as in [::1]:9092; expected host:port"
            ),
        ),
        (
            ("[::1]9092",),
            "brokers[0]",
            (
                "'[::1]9092' is not a broker: in the brackets stands no IPv6 address,"
                " as in [::1]:9092; expected host:port"
            ),
        ),
        (
            ("on e:9092",),
            "brokers[0]",
            "'on e:9092' is not a broker: addresses have commas between; expected host:port",
        ),
        (
            "a:1;b:2",
            "brokers",
            "'a:1;b:2' is not a broker: addresses have commas between; expected host:port",
        ),
        (("a..b",), "brokers[0]", f"'a..b' is not a broker: {NO_HOST}; expected host:port"),
        (
            ("x" * 64,),
            "brokers[0]",
            f"'{'x' * 60}…' is not a broker: {NO_HOST}; expected host:port",
        ),
        *(
            (
                (f"one:{port}",),
                "brokers[0]",
                (
                    f"'one:{port}' is not a broker: the port is no number from 1 to 65,535;"
                    " expected host:port"
                ),
            )
            for port in ("", "0", "65536", "9o92", "-1", "²")
        ),
        (
            ("one:9092", "ONE"),
            "brokers[1]",
            "the broker one:9092 is named twice; leave one out",
        ),
        (
            "[::1],[0:0::1]:9092",
            "brokers",
            "the broker [::1]:9092 is named twice; leave one out",
        ),
    ],
)
def test_a_broker_that_is_none(brokers: tuple[str, ...] | str, path: str, message: str) -> None:
    """Given a bad address, When the options are checked, Then it is named, and why it is bad."""
    found = said(options(brokers=brokers))

    assert found == [(path, message)]
