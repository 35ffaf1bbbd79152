"""Starts the peer in a process of its own, and tells it what is to go wrong."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tests.peers.ports import free_port
from tests.peers.process import Process
from tests.peers.tds.control import Answer, Order

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.peers.tds.control import Row
    from tests.peers.tds.faults import Fault
    from tests.peers.tds.server import State

USER: Final = "app"
PASSWORD: Final = "hunter2;}x"


class TdsPeer:
    """A server whose databases outlive its process: it can be killed and started again.

    Attributes:
        port: Where it listens, the same after every start.
    """

    def __init__(self, password: str = PASSWORD) -> None:
        """Store what it needs; nothing runs before `start`.

        Args:
            password: The one of `USER`.
        """
        self._password = password
        self._folder = Path(tempfile.mkdtemp(prefix="experimentframework-tds-"))
        self._process = Process("tests.peers.tds")
        self.port = free_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, and return when it listens."""
        said = self._process.start([self._folder, str(self.port), USER, self._password])
        self.port = int(said)

    def kill(self) -> None:
        """End it as ``kill -9`` does, by its id."""
        self._process.kill()

    def create(self, database: str) -> None:
        """Make a database."""
        self._tell(Order(create=database))

    def inject(self, *faults: Fault) -> None:
        """Have these go wrong, after what is to go wrong already."""
        self._tell(Order(faults=list(faults)))

    def release(self) -> None:
        """Let everything that hangs go on, and nothing more go wrong."""
        self._tell(Order(release=True))

    def cut(self) -> None:
        """Cut every connection that there is."""
        self._tell(Order(cut=True))

    def rows(self, database: str, query: str) -> list[Row]:
        """Return the rows of a query in SQLite's own dialect: ``[dbo.Table]`` is a table."""
        return self._tell(Order(query=(database, query))).rows or []

    @property
    def state(self) -> State:
        """What has happened so far."""
        return self._tell(Order()).state

    def connection_string(self, database: str, *, password: str | None = None) -> str:
        """Return how to connect to a database, in ODBC's spelling and without a driver."""
        given = self._password if password is None else password
        veiled = "{" + given.replace("}", "}}") + "}"
        place = f"Server=127.0.0.1,{self.port};Database={database}"
        return f"{place};UID={USER};PWD={veiled};Encrypt=No"

    def _tell(self, order: Order) -> Answer:
        return msgspec.json.decode(self._process.tell(msgspec.json.encode(order)), type=Answer)
