"""Files that are no event database, are damaged, locked or gone, and disks without room."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from experimentframework_core._sqlite import database as sqlite_database
from experimentframework_core.backplanes.sqlite import SqliteBackplane
from experimentframework_core.errors import TransientError, UnavailableError
from experimentframework_core.testing import make_records
from tests.core.backplanes._event_files import damage, query, read, remove

if TYPE_CHECKING:
    from pathlib import Path


class TestBadFiles:
    """Each has a clear error, costs nothing that was stored, and heals when the cause goes."""

    async def test_a_foreign_database_is_refused(self, path: Path) -> None:
        """A database of another program is not touched."""
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE events (name TEXT)")

        with pytest.raises(UnavailableError, match="no event database of experimentframework"):
            await self.open(path)

        assert query(path, "SELECT name FROM sqlite_master") == [("events",)]

    async def test_a_newer_version_is_refused(self, path: Path) -> None:
        """A file that a later version wrote is not touched, nor read."""
        await self.open(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version=99")

        with pytest.raises(UnavailableError, match=r"has version 99.*upgrade"):
            await self.open(path)
        with pytest.raises(UnavailableError, match=r"has version 99.*upgrade"):
            await read(path)

    async def test_a_missing_table_is_unavailable(self, path: Path) -> None:
        """Somebody dropped the table: nothing is dead-lettered for it."""
        async with SqliteBackplane(path) as backplane:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("DROP TABLE events")

            with pytest.raises(UnavailableError, match=r"no such table.*move the file away"):
                await backplane.deliver(make_records(1))

    async def test_a_damaged_file_is_unavailable(self, path: Path) -> None:
        """Overwritten pages are noticed, at the latest when they are used."""
        async with SqliteBackplane(path) as backplane:
            await backplane.deliver(make_records(200))
        damage(path)

        with pytest.raises(UnavailableError, match=r"SQLITE_CORRUPT.*restore it from a copy"):
            await self.open(path)

    async def test_a_deleted_file_is_made_anew(self, path: Path) -> None:
        """The next delivery fails, the one after it stores in a new file."""
        records = make_records(2)
        async with SqliteBackplane(path) as backplane:
            remove(path)

            with pytest.raises(TransientError, match="cannot store 2 events in"):
                await backplane.deliver(records)
            await backplane.deliver(records)

        assert len(await read(path)) == 2

    async def test_a_locked_file_is_transient_also_for_ping(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While another program holds the lock nothing is stored, and ping says so."""
        monkeypatch.setattr(sqlite_database, "busy_timeout", 0.0)
        async with SqliteBackplane(path) as backplane:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")

                with pytest.raises(TransientError, match="another process is using it"):
                    await backplane.deliver(make_records(1))
                with pytest.raises(TransientError, match="another process is using it"):
                    await backplane.ping()

            await backplane.ping()
            await backplane.deliver(make_records(1))

        assert len(await read(path)) == 1

    def test_a_full_disk_loses_nothing_and_heals(self, path: Path) -> None:
        """Where there is no room a delivery is transient; with room the same records arrive."""
        program = textwrap.dedent("""
            import asyncio, resource, sys
            from experimentframework_core.backplanes.sqlite import SqliteBackplane
            from experimentframework_core.errors import TransientError, UnavailableError
            from experimentframework_core.testing import make_records

            async def main():
                soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
                confirmed = []
                async with SqliteBackplane(sys.argv[1]) as backplane:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
                    while True:
                        batch = make_records(100)
                        try:
                            await backplane.deliver(batch)
                        except UnavailableError:
                            raise
                        except TransientError as error:
                            print(error)
                            break
                        confirmed += batch
                    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
                    await backplane.deliver(batch)
                    confirmed += batch
                for record in confirmed:
                    print(record.event_id)

            asyncio.run(main())
        """)

        done = subprocess.run(
            [sys.executable, "-c", program, path],
            capture_output=True,
            text=True,
            timeout=250,
            check=True,
        )

        error, *confirmed = done.stdout.splitlines()
        assert error.startswith(f"cannot store 100 events in {path}: ")
        assert "space" in error or "room" in error
        stored = [event_id for (event_id,) in query(path, "SELECT event_id FROM events")]
        assert len(confirmed) > 100
        assert stored == confirmed

    @staticmethod
    async def open(path: Path) -> None:
        async with SqliteBackplane(path) as backplane:
            await backplane.deliver(make_records(200))
