"""A PostgreSQL server of the tests' own: one that is made, stopped and thrown away here."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

_DEBIAN = "/usr/lib/postgresql"
_USER = "postgres"


@cache
def why_missing() -> str | None:
    """Return why no server can be started here, and what to do; None where one can."""
    if _programs() is None:
        return "there is no initdb in PATH or in /usr/lib/postgresql; apt-get install postgresql"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "the server refuses to run as root, and there is no setpriv to be somebody else"
    return None


@cache
def _programs() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path(_DEBIAN).glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return versions[-1].parent if versions else None


def free_port() -> int:
    """Return a port at which nothing listens, of those that no connection is given by itself."""
    for port in random.sample(range(20_000, 30_000), 1_000):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


class PostgreSqlServer:
    """A server on 127.0.0.1, in a folder of its own.

    Attributes:
        port: Where it listens; the same after every start.
        password: Of its user ``postgres``.
    """

    password = "not this one"

    def __init__(self, *, standby_of: PostgreSqlServer | None = None) -> None:
        """Store nothing on disk yet: `__enter__` does, and starts it.

        Args:
            standby_of: The server whose commits it repeats; such a one takes no writes.
        """
        self.port = free_port()
        self._folder = Path()
        self._primary = standby_of

    def url(self, database: str = "postgres", *, port: int | None = None) -> str:
        """Return how to reach it, without the password."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def __enter__(self) -> Self:
        # Below /tmp, because somebody else than root must be able to go there.
        self._folder = Path(tempfile.mkdtemp(prefix="experimentframework-postgresql-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, _USER, _USER)
        if self._primary is None:
            self._make()
        else:
            self._copy(self._primary)
        self.start()
        return self

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._run(
            "initdb", "--pgdata=data", "--username=postgres", "--encoding=UTF8", "--locale=C",
            "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync",
        )  # fmt: skip

    def _copy(self, primary: PostgreSqlServer) -> None:
        self._run(
            "pg_basebackup", "--pgdata=data", "--write-recovery-conf", "--checkpoint=fast",
            "--no-sync", f"--dbname={primary.url()}",
        )  # fmt: skip

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
            f"{self._folder} -c max_connections=50 -c shared_buffers=16MB -c log_min_messages=fatal"
        )
        self._run("pg_ctl", "start", "-D", "data", "-w", "-l", "log", "-o", settings)

    def stop(self) -> None:
        """End it at once, as a crash does; nothing happens where it does not run."""
        if (self._folder / "data/postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-D", "data", "-w", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        programs = _programs()
        assert programs is not None
        somebody = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--"]
        # Its output is a file: the server keeps it open for as long as it runs.
        with (self._folder / "output").open("w+") as output:
            done = subprocess.run(
                [*(somebody if os.geteuid() == 0 else []), str(programs / program), *arguments],
                cwd=self._folder,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"LC_ALL": "C", "PGPASSWORD": self.password},
            )
            output.seek(0)
            assert done.returncode == 0, output.read()
