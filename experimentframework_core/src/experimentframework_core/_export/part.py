"""One file of an export, from its first byte to the disk."""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from experimentframework_core._export.writers import WRITERS, Format

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from experimentframework_core._export.writers import Writer
    from experimentframework_core.envelope import Envelope


class Part:
    """A file that is being written.

    Attributes:
        events: How many were written.
        bytes: The size of the file so far.
    """

    def __init__(self, path: Path, form: Format, *, compress: bool = False) -> None:
        """Make the file, which must not be there.

        Args:
            path: The file.
            form: Its format.
            compress: By gzip.

        Raises:
            OSError: It cannot be made.
        """
        self.events = 0
        self.bytes = 0
        self._file: BinaryIO = path.open("xb")
        self._zip: gzip.GzipFile | None = None
        if compress:
            self._zip = gzip.GzipFile("", "wb", compresslevel=6, fileobj=self._file)
        inner = self._file if self._zip is None else cast("BinaryIO", self._zip)
        try:
            self._writer: Writer = WRITERS[form](inner)
        except BaseException:
            self._file.close()
            raise

    @property
    def pending(self) -> int:
        """The bytes that wait in memory."""
        return self._writer.pending

    @property
    def noted(self) -> int:
        """How many cells are not as they were."""
        return self._writer.noted

    def write(self, envelopes: Sequence[Envelope]) -> None:
        """Write some events.

        Raises:
            OSError: They cannot be written.
        """
        self._writer.write(envelopes)
        self.events += len(envelopes)
        self.bytes = self._file.tell()

    def flush(self) -> None:
        """Write what waits in memory.

        Raises:
            OSError: It cannot be written.
        """
        self._writer.flush()
        self.bytes = self._file.tell()

    def finish(self) -> None:
        """Write the end of the file, down to the disk, and close it.

        Raises:
            OSError: It cannot be written.
        """
        self._writer.finish()
        if self._zip is not None:
            self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.bytes = self._file.tell()
        self._file.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._writer.abandon()
        with suppress(OSError):  # what cannot be written is to be removed anyway
            self._file.close()
