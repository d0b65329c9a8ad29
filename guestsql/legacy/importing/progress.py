"""The progress of an import."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guestsql.legacy.reading.files import LegacyFile

__all__ = ["Progress", "Steps", "size_of"]

Progress = Callable[[int, int], None]


class Steps:
    """Bytes of the files that are done: one half for reading, the other for writing.

    Args:
        files: those that are read.
        progress: called with the bytes done, and those of all files; None reports nothing.
    """

    def __init__(self, files: Sequence[LegacyFile], progress: Progress | None) -> None:
        self._progress = progress
        self._read = 0
        self._reported = 0
        self._total = max(1, sum(size_of(file) for file in files)) if progress else 0

    def read(self, count: int) -> None:
        """Report more bytes as read.

        Args:
            count: how many.
        """
        self._read += count
        # A file may have grown since.
        self._report(min(self._read, self._total) // 2)

    def written(self, done: int, total: int) -> None:
        """Report a part of the guests as written.

        Args:
            done: how many.
            total: of how many.
        """
        self._report(self._total // 2 + (self._total - self._total // 2) * done // total)

    def _report(self, done: int) -> None:
        self._reported = max(self._reported, done)
        if self._progress:
            self._progress(self._reported, self._total)


def size_of(file: LegacyFile) -> int:
    """Return a file's size in bytes; 0 when it cannot be read.

    Args:
        file: one that `find_files` found.
    """
    try:
        return file.path.stat().st_size
    except OSError:
        return 0
