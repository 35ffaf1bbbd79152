"""Memory that every request needs is kept."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_program = """
import resource
from experimentframework_kafka._memory import keep_memory_of_requests

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def copy_a_batch():
    first = b"x" * size
    second = first + b"y"
    third = second + b"z"
    fourth = third + b"."

size = 256 * 1024
{before}
copy_a_batch()
start = faults()
for _ in range(50):
    copy_a_batch()
print(faults() - start)
"""


def _faults(before: str) -> int:
    """Return how often a new process gets memory from the system for the copies of 50 batches."""
    program = _program.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone gives it back")
def test_the_system_does_not_give_the_same_memory_for_each_batch() -> None:
    """Given memory is kept, When batches are copied, Then it comes from the system no more."""
    given = _faults("keep_memory_of_requests(size)")

    assert given * 20 < _faults("pass")
