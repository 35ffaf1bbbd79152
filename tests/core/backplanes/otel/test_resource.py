"""Who sends."""

from __future__ import annotations

import pytest

from experimentframework_core.backplanes._otel.resource import resource_of


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)


def test_nobody_said_anything() -> None:
    """Given nothing, When the resource is made, Then the service has the name that SDKs give."""
    resource = resource_of(None, {})

    assert resource == {"service.name": "unknown_service"}


def test_the_environment_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the variables of SDKs, When the resource is made, Then it has them, unescaped."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team = b%2Cc, nonsense,=d")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")

    resource = resource_of(None, {})

    assert resource == {"service.name": "shop", "team": "b,c"}


def test_the_configuration_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given both, When the resource is made, Then the configuration wins."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a,zone=b")

    resource = resource_of("checkout", {"team": "c"})

    assert resource == {"service.name": "checkout", "team": "c", "zone": "b"}
