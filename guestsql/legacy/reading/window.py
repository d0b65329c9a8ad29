"""A moving window on a text file: only the part that is being read is in memory."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable
from typing import BinaryIO

from guestsql.errors import LegacyFileError
from guestsql.legacy.reading.files import LegacyFile
from guestsql.legacy.reading.raw import Span

__all__ = ["TextWindow"]

CHUNK_BYTES = 1 << 18

_MARKS = (
    ("utf-8", codecs.BOM_UTF8),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
)


_STRAY = re.compile("[\udc80-\udcff]")
# Windows-1252 leaves five places free.
_LETTERS = {chr(0xDC00 + byte): bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0x100)}


def _letter(found: re.Match[str]) -> str:
    return _LETTERS[found[0]]


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class TextWindow:
    """The part of a file that is in memory.

    Args:
        file: one that `find_files` found.
        chunk_bytes: least number of bytes to read at a time.
        progress: called with the number of bytes after each read.

    Attributes:
        text: decoded; a byte that is not UTF-8 is read as Windows-1252, which older tools wrote.
        at_end: whether the window reaches the end of the file.
        bytes_read: bytes of the file up to the end of the window.
        not_utf8: how many of them are not UTF-8.

    Raises:
        LegacyFileError: the operating system refuses to read the file.
    """

    def __init__(
        self,
        file: LegacyFile,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        self.file = file
        self.text: str = ""
        # The same with a surrogate for each byte that is not UTF-8: as many characters, and the bytes can be restored.
        self._escaped: str = ""
        self.not_utf8 = 0
        self.at_end = False
        self.bytes_read = 0
        self._chunk_bytes = chunk_bytes
        self._progress = progress
        self._hash = hashlib.sha256()
        self._stream: BinaryIO = self._open()
        first = self._read(max(chunk_bytes, 4))
        self._encoding, mark = next((known for known in _MARKS if first.startswith(known[1])), ("utf-8", b""))
        errors = "surrogateescape" if self._encoding == "utf-8" else "replace"
        self._decoder = codecs.getincrementaldecoder(self._encoding)(errors)
        # A position in the text and its byte in the file: the next position is usually close to it.
        self._known = (0, len(mark))
        self._append(first[len(mark) :])

    @property
    def sha256(self) -> str:
        """The digest of the bytes that were read, in hex: of the whole file once `at_end`."""
        return self._hash.hexdigest()

    def advance(self, position: int) -> None:
        """Drop the text before a position and read more, so that the window at least doubles.

        Args:
            position: index into `text`; it becomes index 0.
        """
        self._known = (0, self.byte_offset(position))
        is_same = self._escaped is self.text
        self.text = self.text[position:]
        self._escaped = self.text if is_same else self._escaped[position:]
        self._append(self._read(max(self._chunk_bytes, len(self.text))))

    def drain(self) -> None:
        """Read to the end, and keep nothing."""
        self.text = self._escaped = ""
        while not self.at_end:
            self._read(self._chunk_bytes)

    def byte_offset(self, position: int) -> int:
        """Return the byte offset in the file of a character of the window.

        Args:
            position: index into `text`.
        """
        known, offset = self._known
        if position < known:
            return offset - len(self._escaped[position:known].encode(self._encoding, "surrogateescape"))
        offset += len(self._escaped[known:position].encode(self._encoding, "surrogateescape"))
        self._known = (position, offset)
        return offset

    def bytes_of(self, span: Span, longest: int) -> bytes | None:
        """Return a range of the file's bytes, or None when it is too long.

        Args:
            span: anywhere in the file.
            longest: most bytes to return.

        Raises:
            LegacyFileError: the operating system refuses to read the file.
        """
        wanted = longest + 1 if span.end is None else span.end - span.start
        if wanted > longest and span.end is not None:
            return None
        try:
            here = self._stream.tell()
            self._stream.seek(span.start)
            data = self._stream.read(wanted)
            self._stream.seek(here)
        except OSError as error:
            raise self._unreadable(error) from error
        return data if len(data) <= longest else None

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _open(self) -> BinaryIO:
        try:
            return self.file.path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise self._unreadable(error) from error
        self.at_end = len(data) < size
        self.bytes_read += len(data)
        self._hash.update(data)
        if self._progress:
            self._progress(len(data))
        return data

    def _append(self, data: bytes) -> None:
        escaped = self._decoder.decode(data, self.at_end)
        text, strays = (escaped, 0) if _is_whole(escaped) else _STRAY.subn(_letter, escaped)
        is_same = self._escaped is self.text and not strays
        self.text += text
        self._escaped = self.text if is_same else self._escaped + escaped
        self.not_utf8 += strays

    def _unreadable(self, error: OSError) -> LegacyFileError:
        return LegacyFileError(
            f"cannot be read: {error.strerror}", path=self.file.path, hint="check the file's permissions"
        )
