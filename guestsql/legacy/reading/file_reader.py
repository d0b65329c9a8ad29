"""One JSON file of the old bot, record by record: what is whole is read, what is not becomes a damage with its place.

The bot wrote `JSON.stringify(Array.from(map.entries()))`, an array of `[key, record]` pairs; older tools wrote objects.
Only the part of the file around the current record is in memory. No library does all of this: ijson's fast backend
turns lone surrogates into `?` and crashes on long numbers, and none continues after a damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from guestsql.legacy.reading.container import Container
from guestsql.legacy.reading.element import skip_space
from guestsql.legacy.reading.files import LegacyFile
from guestsql.legacy.reading.raw import Damage, RawRecord, Span
from guestsql.legacy.reading.window import CHUNK_BYTES, TextWindow

__all__ = ["Damage", "FileReader", "RawRecord"]

# A record must fit into memory; anything longer is not a record.
LONGEST_RECORD = 8_000_000

# Rejected bytes must fit too, on their way to the database; a longer range is not stored.
LONGEST_REJECT = 16 << 20


class FileReader:
    """Reads one file.

    Args:
        file: one that `find_files` found.
        progress: called with the number of bytes after each read.
        chunk_bytes: least number of bytes to read at a time.
        longest: most characters of a record.

    Attributes:
        sha256: of the file's bytes, in hex, once all was read.
        size: of the file in bytes, once all was read.
        not_utf8: how many of them are not UTF-8 and were read as Windows-1252, once all was read.
    """

    def __init__(
        self,
        file: LegacyFile,
        *,
        progress: Callable[[int], object] | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        longest: int = LONGEST_RECORD,
    ) -> None:
        self.sha256 = ""
        self.size = 0
        self.not_utf8 = 0
        self._file = file
        self._progress = progress
        self._chunk_bytes = chunk_bytes
        self._longest = longest
        self._window: TextWindow | None = None
        self._span: Callable[[], Span]

    def records(self) -> Iterator[RawRecord | Damage]:
        """Yield the records in their order, and a damage in place of each one that cannot be read.

        An empty file has no records.

        Raises:
            LegacyFileError: the operating system refuses to read the file.
        """
        window = TextWindow(self._file, chunk_bytes=self._chunk_bytes, progress=self._progress)
        self._window = window
        try:
            yield from self._records(window)
            window.drain()
            self.sha256, self.size, self.not_utf8 = window.sha256, window.bytes_read, window.not_utf8
        finally:
            self._window = None
            window.close()

    def written(self, found: RawRecord | Damage) -> tuple[int, bytes | None]:
        """Return the offset and the bytes of what was yielded last; None for the bytes when they are too many.

        Args:
            found: what `records` has yielded last.

        Raises:
            LegacyFileError: the operating system refuses to read the file.
        """
        if self._window is None:
            raise RuntimeError("the file is not being read")
        span = found.span if isinstance(found, Damage) else self._span()
        return span.start, self._window.bytes_of(span, LONGEST_REJECT)

    def _records(self, window: TextWindow) -> Iterator[RawRecord | Damage]:
        start = skip_space(window.text, 0)
        while start == len(window.text) and not window.at_end:
            window.advance(start)
            start = skip_space(window.text, 0)
        opening = window.text[start : start + 1]
        if opening in ("[", "{"):
            container = Container(window, start, self._longest)
            self._span = container.span
            yield from container.records()
        elif opening:
            place = window.byte_offset(start)
            reason = f"the file is neither a JSON array nor a JSON object (byte {place})"
            yield Damage(self._file, "", 0, reason, Span(place, None))
