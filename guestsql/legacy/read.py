"""One JSON file of the old bot, record by record: what is whole is read, what is not becomes a damage with its place.

The bot wrote `JSON.stringify(Array.from(map.entries()))`, an array of `[key, record]` pairs; older tools wrote objects.
Usual pairs are taken in runs, anything else is decoded one element at a time, so that one that is broken, or nested too
deeply, does not take the rest with it; and only the part of the file around it is in memory. No library does that and
keeps lone surrogates and long numbers: ijson's fast backend turns the former into `?` and crashes on the latter, and
none goes on behind a damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from guestsql.legacy.container import Container
from guestsql.legacy.element import skip_space
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.raw import Damage, RawRecord, Span
from guestsql.legacy.runs import Run, decode_run
from guestsql.legacy.window import CHUNK_BYTES, TextWindow

__all__ = ["Damage", "FileReader", "RawRecord"]

# A record is held in memory; one of more characters is no record.
LONGEST_RECORD = 8_000_000

# What no record can be made of is held too, to be kept; a stretch of more bytes is not.
LONGEST_REJECT = 16 << 20

Item = TypeVar("Item")


class FileReader:
    """Reads one file.

    Args:
        file: one that `find_files` found.
        progress: is told how many bytes were read, each time.
        chunk_bytes: how much of the file is read at a time, at least.
        longest: characters that a record may have.

    Attributes:
        sha256: of the file's bytes, in hex, once all was read.
        size: of the file in bytes, likewise.
        not_utf8: how many of them are not UTF-8 and were read as Windows-1252, likewise.
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

    def records(self) -> Iterator[RawRecord | Damage]:
        """Yield the records in their order, and a damage in place of each that cannot be read.

        A file without anything in it has no records.

        Raises:
            LegacyFileError: the operating system does not let it be read.
        """
        for found in self.items(decode_run):
            if isinstance(found, list):
                yield from found
            else:
                yield found

    def items(self, decode: Callable[[Run], list[Item]]) -> Iterator[list[Item] | RawRecord | Damage]:
        """Yield what `records` does, but lists of what `decode` made where the file is as usual.

        Args:
            decode: makes something of each piece of a run; of fewer when a piece turns out to be no usual pair.

        Raises:
            LegacyFileError: the operating system does not let it be read.
        """
        window = TextWindow(self._file, chunk_bytes=self._chunk_bytes, progress=self._progress)
        self._window = window
        try:
            yield from self._items(window, decode)
            window.drain()
            self.sha256, self.size, self.not_utf8 = window.sha256, window.bytes_read, window.not_utf8
        finally:
            self._window = None
            window.close()

    def bytes_of(self, span: Span) -> bytes | None:
        """Return the bytes of a stretch of the file, or None when it is too long to be kept.

        Args:
            span: of an item that was yielded, before the end of `items`.

        Raises:
            LegacyFileError: the operating system does not let it be read.
        """
        return self._window.bytes_of(span, LONGEST_REJECT) if self._window else None

    def _items(
        self, window: TextWindow, decode: Callable[[Run], list[Item]]
    ) -> Iterator[list[Item] | RawRecord | Damage]:
        start = skip_space(window.text, 0)
        while start == len(window.text) and not window.at_end:
            window.advance(start)
            start = skip_space(window.text, 0)
        opening = window.text[start : start + 1]
        if opening in ("[", "{"):
            yield from Container(window, start, self._longest, decode).items()
        elif opening:
            place = window.byte_offset(start)
            reason = f"the file is neither a JSON array nor a JSON object (byte {place})"
            yield Damage(self._file, "", 0, reason, Span(place, None))
