"""A broker that speaks Service Bus's dialect; its tests skip without proton, or fail there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.certificates import make_certificates
from tests.peers.proton import why_missing
from tests.peers.require import require, required

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.peers.amqp.peer import ServiceBusPeer
    from tests.peers.certificates import Certificates


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a module that cannot be imported because proton cannot."""
    report = yield
    why = why_missing() if report.failed and "proton" not in required() else None
    if why is not None:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"proton: {why}")
    return report


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return certificates of an authority of the tests'."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def shared_amqp(certificates: Certificates) -> Iterator[ServiceBusPeer]:
    """Return a broker that all tests share."""
    require("proton", missing=why_missing())
    from tests.peers.amqp.peer import ServiceBusPeer

    with ServiceBusPeer(certificates.server) as peer:
        yield peer


@pytest.fixture
def amqp(shared_amqp: ServiceBusPeer) -> Iterator[ServiceBusPeer]:
    """Return the shared broker; what a test has go wrong ends with the test."""
    yield shared_amqp
    shared_amqp.listen()
    shared_amqp.release()
    shared_amqp.put_back()
