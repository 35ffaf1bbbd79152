"""SQL Server in a container, where a Docker engine is.

``python -m tests.peers.sqlserver_docker`` starts one, says how to reach it, and keeps it until
it is interrupted. Starting it accepts Microsoft's licence for SQL Server's Developer edition.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

from tests.peers.sqlserver_choice import variable

if TYPE_CHECKING:
    from collections.abc import Iterator


def environment(password: str) -> dict[str, str]:
    """Return the settings of an engine whose administrator has this password."""
    return {
        "ACCEPT_EULA": "Y",
        "MSSQL_PID": "Developer",
        "MSSQL_SA_PASSWORD": password,
        "MSSQL_MEMORY_LIMIT_MB": "2048",
    }


def connection_string(host: str, port: int, password: str) -> str:
    """Return how ODBC reaches the engine; it signs its certificate itself."""
    return f"SERVER={host},{port};UID=sa;PWD={password};Encrypt=yes;TrustServerCertificate=yes"


@contextmanager
def docker_engine() -> Iterator[str]:
    """Yield the connection string of an engine in a container of its own; it goes with it."""
    from testcontainers.community.mssql import SqlServerContainer

    password = f"Aa1-{token_hex(12)}"
    container = SqlServerContainer(password=password).with_envs(**environment(password))
    with container:
        host = container.get_container_host_ip()
        port = container.get_exposed_port(container.port)
        yield connection_string(host, int(port), password)


def main() -> None:
    """Keep an engine until the process is interrupted."""
    with docker_engine() as reached_by:
        sys.stdout.write(f"export {variable}='{reached_by}'\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
