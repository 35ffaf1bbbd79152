"""The program of the page on synchronous code whose jobs run in a pool of processes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from tests.docs.pages import docs, write_files

if TYPE_CHECKING:
    from pathlib import Path


def test_the_jobs_of_a_pool_lose_nothing(tmp_path: Path) -> None:
    """Given jobs that publish into memory, When the pool's block ends, Then all has arrived."""
    write_files(docs / "how-to" / "publish-from-sync-code.md", tmp_path)
    node = {"type": "sqlite", "options": {"path": "events.db"}}
    plane = {"flushIntervalMs": "1h", "backplane": node}
    (tmp_path / "experiments.yaml").write_text(json.dumps({"dataPlane": plane}))

    subprocess.run([sys.executable, "jobs.py"], cwd=tmp_path, check=True)

    with closing(sqlite3.connect(tmp_path / "events.db")) as store:
        assert store.execute("SELECT count(DISTINCT subject) FROM events").fetchone() == (100,)
