"""The page's plugin for Kinesis, with the genuine client and a stand-in for the service."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web

from experimentframework_core.errors import PartialBatchError, TransientError, UnavailableError
from experimentframework_core.plugin import BackplanePlugin, ChannelSettings, OpenContext
from experimentframework_core.testing import (
    BackplaneConformance,
    make_exposure,
    make_record,
    make_records,
)
from tests.docs.pages import docs, write_files
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from experimentframework_core.envelope import Record

STREAM = "experiment-events"


class Service:
    """Answers as Kinesis does: JSON 1.1, a refusal for each record that it does not take.

    Attributes:
        requests: The partition keys of the records of each request.
        bodies: What was stored.
        busy: Keys whose records are refused for now.
        room: How many records are stored before all others are refused for now.
        refusal: The error of whole requests; None where they are taken.
        refuses_behind: How many requests are taken before all others fail.
    """

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.bodies: list[bytes] = []
        self.busy: set[str] = set()
        self.room = 10_000
        self.refusal: str | None = None
        self.refuses_behind = 1000

    async def answer(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        asked = json.loads(await request.read())
        if len(self.requests) >= self.refuses_behind:
            return self._says({"__type": "InternalFailure"}, status=500)
        if self.refusal or asked["StreamName"] != STREAM:
            code = self.refusal or "ResourceNotFoundException"
            return self._says({"__type": code, "message": "no"}, status=400)
        if operation == "DescribeStreamSummary":
            return self._says({"StreamDescriptionSummary": {"StreamName": STREAM}})
        assert operation == "PutRecords"
        return self._says(self._put(asked["Records"]))

    def _put(self, records: list[dict[str, str]]) -> dict[str, object]:
        sizes = [len(base64.b64decode(record["Data"])) for record in records]
        assert len(records) <= 500
        assert sum(sizes) <= 5 * 1024 * 1024
        self.requests.append([record["PartitionKey"] for record in records])
        said: list[dict[str, str]] = []
        for record in records:
            if record["PartitionKey"] in self.busy or len(self.bodies) >= self.room:
                code = "ProvisionedThroughputExceededException"
                said.append({"ErrorCode": code, "ErrorMessage": "Rate exceeded"})
            else:
                self.bodies.append(base64.b64decode(record["Data"]))
                said.append({"SequenceNumber": str(len(self.bodies)), "ShardId": "shardId-0"})
        return {"FailedRecordCount": sum("ErrorCode" in each for each in said), "Records": said}

    def _says(self, answer: dict[str, object], *, status: int = 200) -> web.Response:
        return web.json_response(answer, status=status, content_type="application/x-amz-json-1.1")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Return the module of the page."""
    folder = tmp_path_factory.mktemp("kinesis")
    write_files(docs / "how-to/deliver-to-kinesis.md", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "shop_kinesis", module := load(folder / "shop_kinesis.py"))
        load(folder / "main.py")
        yield module


def load(path: Path) -> ModuleType:
    """Import a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Service, str]]:
    """Return a service, and where it is."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "somebody")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    service = Service()
    application = web.Application(client_max_size=16 * 1024 * 1024)
    application.router.add_post("/", service.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield service, f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
def options(page: ModuleType, service: tuple[Service, str]) -> Any:
    """Return options that lead to the service."""
    return page.KinesisOptions(stream_name=STREAM, region="eu-central-1", endpoint_url=service[1])


class TestKinesis(BackplaneConformance[ChannelSettings]):
    @pytest.fixture(autouse=True)
    def _of_the_page(self, page: ModuleType, service: tuple[Service, str]) -> None:
        self.plugin: BackplanePlugin[Any] = page.plugin
        self.service = service[0]

    async def delivered(self, options: ChannelSettings) -> list[bytes]:
        return self.service.bodies

    def unreachable(self, options: ChannelSettings) -> ChannelSettings:
        return msgspec.structs.replace(options, endpoint_url=f"http://127.0.0.1:{free_port()}")

    def poison(self, options: ChannelSettings) -> Record:
        return make_record(metadata={"large": "x" * 1024 * 1024})

    @asynccontextmanager
    async def cut_short(
        self, options: ChannelSettings, batch: Sequence[Record]
    ) -> AsyncIterator[None]:
        self.service.room = len(self.service.bodies) + len(batch) // 2
        yield
        self.service.room = 10_000


async def test_refused_records_are_named_and_others_delivered(
    page: ModuleType, service: tuple[Service, str], options: Any
) -> None:
    """Given a busy shard, When a batch is delivered, Then its records are named, with a pause."""
    service[0].busy = {"u-1"}
    batch = [make_record(make_exposure(subject_id=f"u-{number}")) for number in (0, 1, 2, 1)]

    async with page.plugin.open(options, OpenContext(name="events")) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver(batch)

    failures = raised.value.failures
    assert sorted(failures) == [1, 3]
    assert all(isinstance(each, TransientError) for each in failures.values())
    assert [getattr(each, "retry_after", None) for each in failures.values()] == [1.0, 1.0]
    assert service[0].bodies == [batch[0].body, batch[2].body]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the client's own
async def test_batches_are_cut(
    page: ModuleType, service: tuple[Service, str], options: Any
) -> None:
    """Given many and large events, When delivered, Then each request is as Kinesis takes it."""
    large = [make_record(metadata={"large": "x" * 1_000_000}) for _ in range(7)]

    async with page.plugin.open(options, OpenContext(name="events")) as backplane:
        await backplane.deliver([*make_records(1001), *large])

    assert [len(keys) for keys in service[0].requests] == [500, 500, 6, 2]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", UnavailableError),
        ("UnrecognizedClientException", UnavailableError),
        ("ExpiredTokenException", UnavailableError),
        ("KMSDisabledException", UnavailableError),
        ("KMSThrottlingException", TransientError),
        ("InternalFailure", TransientError),
    ],
)
async def test_whole_requests_that_are_refused(
    code: str,
    kind: type[TransientError],
    page: ModuleType,
    service: tuple[Service, str],
    options: Any,
) -> None:
    """Given an error of the service, When a batch is delivered, Then nothing is poison."""
    service[0].refusal = code

    async with page.plugin.open(options, OpenContext(name="events")) as backplane:
        with pytest.raises(TransientError) as raised:
            await backplane.deliver(make_records(2))

    assert type(raised.value) is kind
    assert code in str(raised.value)


async def test_a_request_that_fails_behind_another_is_named(
    page: ModuleType, service: tuple[Service, str], options: Any
) -> None:
    """Given three requests, When the second fails, Then the records from there on are named."""
    service[0].refuses_behind = 1

    async with page.plugin.open(options, OpenContext(name="events")) as backplane:
        with pytest.raises(PartialBatchError) as raised:
            await backplane.deliver(make_records(1200))

    assert sorted(raised.value.failures) == list(range(500, 1200))
    assert len(service[0].bodies) == 500


async def test_a_missing_stream_is_said(page: ModuleType, options: Any) -> None:
    """Given another stream's name, When it is pinged, Then the error names it."""
    missing = msgspec.structs.replace(options, stream_name="nowhere")

    async with page.plugin.open(missing, OpenContext(name="events")) as backplane:
        with pytest.raises(UnavailableError, match="the stream nowhere"):
            await backplane.ping()
