"""An event database that several processes write and read, and one that is killed."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from typing import TYPE_CHECKING

from experimentframework_core.backplanes.sqlite import SqliteBackplane, SqliteOptions, read_sqlite
from experimentframework_core.plugin import Selection
from experimentframework_core.testing import make_records
from tests.core.backplanes._event_files import event_ids, read

if TYPE_CHECKING:
    from pathlib import Path


class TestOtherProcesses:
    """The file is shared: written, read and left behind by several processes."""

    async def test_another_process_reads_while_this_one_writes(self, path: Path) -> None:
        """A reader that follows in its own process sees every event, in order."""
        program = textwrap.dedent("""
            import asyncio, sys
            from experimentframework_core.backplanes.sqlite import SqliteOptions, read_sqlite
            from experimentframework_core.plugin import Selection

            async def main():
                reader = read_sqlite(SqliteOptions(path=sys.argv[1]), Selection(follow=True))
                print("ready", flush=True)
                for _ in range(int(sys.argv[2])):
                    print((await anext(reader)).event_id)

            asyncio.run(main())
        """)
        batches = [make_records(50) for _ in range(40)]
        async with SqliteBackplane(path) as backplane:
            reading = await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, path, "2000", stdout=asyncio.subprocess.PIPE
            )
            assert reading.stdout
            await reading.stdout.readline()

            for batch in batches:
                await backplane.deliver(batch)

            output, _ = await reading.communicate()

        assert output.decode().split() == event_ids(batches)

    async def test_this_process_reads_while_others_write(self, path: Path) -> None:
        """Two processes write side by side; a reader here sees all events of both."""
        program = textwrap.dedent("""
            import asyncio, sys
            from experimentframework_core.backplanes.sqlite import SqliteBackplane
            from experimentframework_core.testing import make_records

            async def main():
                async with SqliteBackplane(sys.argv[1]) as backplane:
                    for _ in range(20):
                        await backplane.deliver(make_records(25))

            asyncio.run(main())
        """)
        async with SqliteBackplane(path):
            pass

        writers = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", program, path)
            for _ in range(2)
        ]
        reader = read_sqlite(SqliteOptions(path=str(path)), Selection(follow=True))
        found = [(await anext(reader)).event_id for _ in range(1000)]
        await reader.aclose()

        assert [await writer.wait() for writer in writers] == [0, 0]
        assert len(set(found)) == 1000

    async def test_what_was_confirmed_survives_kill_9(self, path: Path) -> None:
        """Killed at any moment, a writer leaves everything that ``deliver`` has confirmed."""
        program = textwrap.dedent("""
            import asyncio, sys
            from experimentframework_core.backplanes.sqlite import SqliteBackplane
            from experimentframework_core.testing import make_records

            async def main():
                async with SqliteBackplane(sys.argv[1]) as backplane:
                    while True:
                        batch = make_records(20)
                        await backplane.deliver(batch)
                        print(*(record.event_id for record in batch), flush=True)

            asyncio.run(main())
        """)
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, path, stdout=asyncio.subprocess.PIPE
        )
        assert writer.stdout
        confirmed = [await writer.stdout.readline() for _ in range(10)]

        writer.kill()
        confirmed += (await writer.stdout.read()).splitlines(keepends=True)
        await writer.wait()

        found = {envelope.event_id for envelope in await read(path)}
        complete = [line for line in confirmed if line.endswith(b"\n")]
        assert {event_id for line in complete for event_id in line.decode().split()} <= found
