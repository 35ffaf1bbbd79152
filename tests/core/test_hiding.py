"""Whatever secret a configuration names is kept out of texts, whole and in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

from experimentframework_core import BackplaneOptions, ChannelSettings, DataPlaneOptions, Secret
from experimentframework_core._hiding import hidden_in, without
from experimentframework_core.config import load_text
from experimentframework_core.plugins import find_plugin, installed_plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = "Server=tcp:db;UID=app;PWD={p@ss;w0rd};Encrypt=yes"
SHARED_KEY = "Endpoint=sb://shop.example/;SharedAccessKeyName=send;SharedAccessKey=a+b/c="


class Holder(msgspec.Struct):
    """Options as plugins have them."""

    value: Any


class Token(ChannelSettings, frozen=True, kw_only=True):
    """Options of a plugin."""

    token: Secret


@pytest.mark.parametrize(
    "options",
    [
        Holder(Secret("hunter2")),
        Holder({"header": Secret("hunter2")}),
        Holder([Holder((Secret("hunter2"),))]),
        DataPlaneOptions(
            backplane=BackplaneOptions(
                type="composite",
                backplanes=(BackplaneOptions(type="x", options=Token(token=Secret("hunter2"))),),
            )
        ),
    ],
)
def test_a_secret_is_found_wherever_it_is(options: object) -> None:
    """Given options with a secret deep inside, when a text quotes it, then it is hidden."""
    hidden = hidden_in(options)

    assert without({"error": ["said hunter2 twice: hunter2"]}, hidden) == {
        "error": ["said *** twice: ***"]
    }


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (CONNECTION, f"cannot open {CONNECTION}"),
        (CONNECTION, "wrong password p@ss;w0rd"),
        (SHARED_KEY, "signature of a+b/c= does not match"),
        (SHARED_KEY, "GET /?key=a%2Bb%2Fc%3D"),
        ("http://user:pa55@proxy", "407 for user:pa55"),
        ("http://user:pa55@proxy", "407 for pa55"),
        ("new\nline", r"got 'new\nline'"),
        ("Bearer pa55w0rd", "no such key: pa55w0rd"),
    ],
)
def test_parts_and_spellings_are_hidden(secret: str, text: str) -> None:
    """Given a secret with parts, when an error has one in its own spelling, then it is hidden."""
    shown = without(text, hidden_in(Holder(Secret(secret))))

    assert isinstance(shown, str)
    assert "***" in shown
    for part in ("p@ss", "w0rd", "a+b", "a%2Bb", "pa55", "new"):
        assert part not in shown or part not in secret


def test_what_is_no_secret_stays() -> None:
    """Given a connection string, when an error names server and user, then both are readable."""
    text = "db is not reachable for app"

    assert without(text, hidden_in(Holder(Secret(CONNECTION)))) == text


def test_a_short_secret_is_hidden_only_where_it_stands_alone() -> None:
    """Given a header of one letter, when an error has it in numbers, then these are readable."""
    hidden = hidden_in(Holder(Secret("1")))

    assert without("answers 401 to tenant 1", hidden) == "answers 401 to tenant ***"


def test_a_login_in_an_address_is_hidden() -> None:
    """Given an address that no option marks as secret, when shown, then it has no login."""
    shown = without("cannot reach https://app:pa55@collector:4318/v1", [])

    assert shown == "cannot reach https://***@collector:4318/v1"


def test_what_is_no_text_stays() -> None:
    """Given numbers and nothing, when hidden, then they are as they were."""
    value = {"a": 1, "b": None, "c": [1.5, True], "d": ()}

    assert without(value, ["1"]) == {"a": 1, "b": None, "c": [1.5, True], "d": []}


def test_lone_surrogates_become_text() -> None:
    """Given a text that has no encoding, when shown, then it can be encoded."""
    shown = without("\ud800", [])

    assert shown == "\\ud800"


SECRETS = {
    "kafka": "{brokers: 'k:1', security: {protocol: SASL_SSL, mechanism: PLAIN, username: app,"
    " password: hunter2}}",
    "azureServiceBus": "{queueName: q, connectionString: 'Endpoint=sb://s.example/;"
    "SharedAccessKeyName=n;SharedAccessKey=hunter2'}",
    "sqlServer": "{connectionString: 'Server=db;Database=d;UID=app;PWD=hunter2'}",
}


def secret_fields(kind: object) -> Iterator[str]:
    """Yield the names of an options class's secrets, of its nested ones too."""
    for part in get_args(kind):
        yield from secret_fields(part)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            if "Secret" in str(field.type):
                yield field.name
            yield from secret_fields(field.type)


def test_every_plugin_with_secrets_is_tried() -> None:
    """Given the installed plugins, when their secrets are looked up, then each is tried below."""
    with_secrets = {
        found.type
        for found in installed_plugins()
        if found.plugin is not None and list(secret_fields(found.plugin.options))
    }

    assert with_secrets - SECRETS.keys() - {"openTelemetry"} == set()


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_of_every_plugin_are_hidden(kind: str) -> None:
    """Given a plugin's options from a file, when an error quotes the password, it is hidden."""
    text = f"dataPlane: {{backplane: {{type: {kind}, options: {SECRETS[kind]}}}}}"
    configuration = load_text(text, find_plugin=find_plugin)

    shown = without("said hunter2", hidden_in(configuration.data_plane))

    assert shown == "said ***"
