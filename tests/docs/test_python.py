"""Every block of Python in the documentation runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Block, all_blocks, blocks_of, pages, write_files
from tests.packaging.layout import root

runner = Path(__file__).with_name("run_page.py")
with_python = [page for page in pages if any(not b.file for b in blocks_of(page, "python"))]
run_elsewhere = {
    "docs/how-to/consume-events.md": "tests/*/**/test_consume_page.py",
    "docs/how-to/deliver-to-kinesis.md": "tests/docs/test_kinesis_page.py",
    "docs/how-to/backplanes-in-depth.md": "tests/plugins/test_jsonlines_conformance.py",
    "docs/how-to/events-back-out.md": "tests/integration/test_events_back_out.py",
    "docs/how-to/monitor.md": "tests/docs/test_monitoring.py",
    "docs/how-to/publish-from-sync-code.md": "tests/docs/test_pool_page.py",
    "docs/how-to/run-on-kubernetes.md": "tests/docs/test_kubernetes.py",
    "docs/how-to/test-a-backplane.md": "tests/conformance/test_how_to.py",
    "docs/how-to/test-an-application.md": "tests/conformance/test_how_to.py",
    "docs/how-to/write-a-backplane.md": "tests/plugins/test_write_a_backplane.py",
    "docs/tutorial.md": "tests/docs/test_tutorial.py",
}


@pytest.mark.parametrize("page", with_python, ids=lambda page: str(page.relative_to(root)))
def test_the_blocks_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    """Given a page and the files it shows, When its Python runs in order, Then nothing fails."""
    write_files(page, tmp_path)
    blocks = [block for block in blocks_of(page, "python") if not block.file]

    done = subprocess.run(
        [sys.executable, "-W", "error", runner],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "EXPERIMENTFRAMEWORK_STATE": str(tmp_path)},
        input=json.dumps([{"place": str(block), "code": block.code} for block in blocks]),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_every_file_shown_is_run_somewhere() -> None:
    """Given the Python files that pages show, Then each is imported, or its page has a test."""
    shown = [block for block in all_blocks("python") if block.file]

    unused = [str(block) for block in shown if not is_used(block)]

    assert unused == []


def is_used(block: Block) -> bool:
    """Return whether something runs the file that the block shows."""
    if block.page in run_elsewhere or (root / "docs/examples" / str(block.file)).exists():
        return True
    module = Path(block.file or "").stem
    others = blocks_of(root / block.page, "python")
    return any(f"{module} import" in other.code for other in others if not other.file)
