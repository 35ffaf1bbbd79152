"""The page's recipes for Azure Event Hubs, as far as they can be had without one."""

from __future__ import annotations

import ssl
from typing import Any, NoReturn, Self

import pytest

from experimentframework_core.config import BackplaneOptions, load_text, resolved_options
from experimentframework_core.plugins import find_plugin
from experimentframework_kafka import KafkaOptions, plugin
from experimentframework_kafka._client import client_arguments
from tests.docs.pages import blocks_of, docs

page = docs / "how-to/deliver-to-event-hubs.md"
recipes = [block.code for block in blocks_of(page, "yaml")]
by_key, by_token = recipes
largest_request = 1_046_528


def loaded(recipe: str) -> tuple[BackplaneOptions, KafkaOptions]:
    """Return the backplane's node of a recipe, and its options."""
    data_plane = load_text(recipe, find_plugin=find_plugin).data_plane
    assert data_plane is not None
    node = data_plane.backplane
    assert isinstance(node, BackplaneOptions)
    options = resolved_options(node, plugin)
    assert isinstance(options, KafkaOptions)
    return node, options


def test_the_recipe_signs_in_with_the_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the first recipe, When it is loaded, Then the client gets what Event Hubs asks for."""
    secret = "Endpoint=sb://my-namespace/;SharedAccessKeyName=n;SharedAccessKey=k="
    monkeypatch.setenv("EVENT_HUBS_CONNECTION_STRING", secret)
    _, options = loaded(by_key)

    arguments = client_arguments(options)

    assert arguments.pop("ssl_context").verify_mode is ssl.CERT_REQUIRED
    assert arguments == {
        "bootstrap_servers": ["my-namespace.servicebus.windows.net:9093"],
        "request_timeout_ms": 30_000,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "$ConnectionString",
        "sasl_plain_password": secret,
        "metadata_max_age_ms": 180_000,
        "connections_max_idle_ms": 180_000,
    }


def test_the_other_recipe_signs_in_with_a_token() -> None:
    """Given the second recipe, When it is loaded, Then the page's function gives the token."""
    _, options = loaded(by_token)
    (code,) = [block.code for block in blocks_of(page, "python")]

    provider = options.security.token_provider

    assert provider == "shop_tokens:event_hubs_token"
    assert "async def event_hubs_token() -> str:" in code
    assert options.security.mechanism == "OAUTHBEARER"
    assert options.security.protocol == "SASL_SSL"


async def test_a_credential_is_closed_where_no_token_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a refused identity, When the page's function is called, Then nothing is left open."""
    asked: list[str] = []
    closed: list[bool] = []

    class Refused:
        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            closed.append(True)

        async def get_token(self, scope: str) -> NoReturn:
            asked.append(scope)
            raise PermissionError("no identity")

    monkeypatch.setattr("azure.identity.aio.DefaultAzureCredential", Refused)
    (code,) = [block.code for block in blocks_of(page, "python")]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the code of the page

    with pytest.raises(PermissionError):
        await names["event_hubs_token"]()

    assert asked == ["https://my-namespace.servicebus.windows.net/.default"]
    assert closed == [True]


@pytest.mark.parametrize("recipe", recipes, ids=["key", "token"])
def test_a_recipe_stays_below_the_limits(recipe: str) -> None:
    """Given a recipe, When it is loaded, Then no request and no compression is refused."""
    node, options = loaded(recipe)

    bodies = node.batch_bytes

    assert bodies is not None
    assert bodies * 1.25 < largest_request
    assert int(str(options.additional_config["max_request_size"])) < largest_request
    assert options.compression_type == "none"
    assert not options.create_topics.enabled
