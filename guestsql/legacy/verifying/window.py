"""A moving window on the text of a file, for the verification: plain `json`."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import IO, NamedTuple, TypeAlias, cast

from guestsql.legacy.verifying.values import Number, Value

__all__ = ["Broken", "FileText", "KeptPlaces", "Stretch"]

_CHUNK_CHARACTERS = 1 << 20
_DEEPEST = 100
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR_END = re.compile(r"[,\]}\s]")
_LONGEST_MARK = 3
_MARKS = (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_C1 = {0x81, 0x8D, 0x8F, 0x90, 0x9D}


class Stretch(NamedTuple):
    """A range of a file's bytes.

    Attributes:
        offset: the first, from 0.
        size: how many.
        sha256: of them.
    """

    offset: int
    size: int
    sha256: bytes


KeptPlaces: TypeAlias = Mapping[int, list[Stretch]]
"""The ranges of a file that the database claims to keep, by offset."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Marks a value that cannot be read.

    Attributes:
        reason: why.
        is_json: whether it is JSON, but not of a form that these files have.
    """

    reason: str
    is_json: bool = False


class FileText:
    """The part of a file's text that is in memory.

    Args:
        file: at its beginning.
        encoding: "" to detect a byte order mark at the beginning.

    Attributes:
        digest: of the bytes that were read.
        encoding: known once something was read.
        text: decoded; a byte that is not UTF-8 is read as Windows-1252.
        at: index of the next character.
        is_whole: whether the text reaches the end of the file.
    """

    def __init__(self, file: IO[bytes], encoding: str = "") -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.encoding = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        # An index into the text, and its byte in the file.
        self._known = (0, 0)
        self.text = ""
        # The same with a surrogate for each byte that is not UTF-8: as many characters, and the bytes can be restored.
        self._escaped = ""
        self.at = 0
        self.is_whole = False

    def more(self) -> bool:
        """Read more and drop what was passed; False at the end of the file."""
        if self.is_whole:
            return False
        wanted = max(_CHUNK_CHARACTERS, len(self.text) - self.at, _LONGEST_MARK)
        data = self._file.read(wanted)
        self.digest.update(data)
        self.is_whole = not data
        offset = self.offset
        if self._decoder is None:
            mark = b""
            if not self.encoding:
                self.encoding, mark = next((each for each in _MARKS if data.startswith(each[1])), ("utf-8", b""))
            self._decoder = codecs.getincrementaldecoder(self.encoding)(_errors(self.encoding))
            offset, data = len(mark), data[len(mark) :]
        escaped = self._decoder.decode(data, final=self.is_whole)
        self._escaped = self._escaped[self.at :] + escaped
        self.text = self.text[self.at :] + _with_letters(escaped)
        self.at = 0
        self._known = (0, offset)
        return True

    @property
    def offset(self) -> int:
        """The byte of the file that comes next."""
        known, offset = self._known
        if self.at != known:
            offset += len(self._escaped[known : self.at].encode(self.encoding, "surrogateescape"))
            self._known = (self.at, offset)
        return offset

    def kept_here(self, kept: KeptPlaces) -> tuple[Stretch, bytes] | None:
        """Return what the database keeps of exactly this place, if the file has the same bytes here.

        Args:
            kept: of the file.
        """
        for stretch in kept.get(self.offset, ()):
            here = self._file.tell()
            self._file.seek(stretch.offset)
            data = self._file.read(stretch.size)
            self._file.seek(here)
            if len(data) == stretch.size and hashlib.sha256(data).digest() == stretch.sha256:
                return stretch, data
        return None

    def step_over(self, data: bytes) -> bool:
        """Move past some bytes; return False and stay when the text differs here.

        Args:
            data: what `kept_here` returned.
        """
        passed = _with_letters(data.decode(self.encoding, _errors(self.encoding)))
        while len(self.text) - self.at < len(passed) and self.more():
            pass
        if not self.text.startswith(passed, self.at):
            return False
        self.at += len(passed)
        return True

    def skip_space(self) -> str:
        """Move past white space and return the next character, "" at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def decode(self) -> Value:
        """Read the value that starts here and move past it; `Broken` when it is not JSON."""
        value: Value
        end: int | None
        while True:
            try:
                value, end = _JSON.raw_decode(self.text, self.at)
            except (json.JSONDecodeError, RecursionError) as error:
                end = _end_by_brackets(self.text, self.at)
                value = Broken("nested too deeply" if isinstance(error, RecursionError) else "no JSON")
            # A value that ends with the text read so far may continue in the rest of the file.
            if end is not None and (end < len(self.text) or self.is_whole):
                break
            if not self.more():
                # It has no recognisable end, so nothing after it can be read.
                self.at = len(self.text)
                return Broken("damaged up to the end of the file")
        text, start, self.at = self.text, self.at, end
        if text.count("[", start, end) + text.count("{", start, end) > _DEEPEST and _depth(value) > _DEEPEST:
            return Broken("nested too deeply", is_json=True)
        return value


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    """Return an object with all its values: earlier ones of a repeated member become `name#1`, `name#2`, …."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        values: dict[str, list[Value]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        for name, (*earlier, _) in values.items():
            free = (f"{name}#{number}" for number in count(1) if f"{name}#{number}" not in values)
            fields |= zip(free, earlier, strict=False)
    return fields


_JSON = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_object, strict=False
)


def _with_letters(escaped: str) -> str:
    """Return a text with the letters of Windows-1252 for bytes that are not UTF-8."""
    return escaped if escaped.isascii() else _ESCAPED_BYTE.sub(lambda found: _letter(ord(found[0]) - 0xDC00), escaped)


def _letter(byte: int) -> str:
    return chr(byte) if byte in _C1 else bytes([byte]).decode("cp1252")


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "replace"


def _end_by_brackets(text: str, start: int) -> int | None:
    if text[start : start + 1] not in ("[", "{"):
        found = _SCALAR_END.search(text, start + 1)
        return found.start() if found else None
    depth = 0
    for found in _TOKEN.finditer(text, start):
        if found[0] == '"':
            return None
        if len(found[0]) == 1:
            depth += 1 if found[0] in "[{" else -1
            if depth == 0:
                return found.end()
    return None


def _depth(value: object) -> int:
    deepest = 0
    waiting = [(value, 1)]
    while waiting:
        node, depth = waiting.pop()
        below: list[object] = []
        if isinstance(node, dict):
            below = list(cast("dict[str, object]", node).values())
        elif isinstance(node, list):
            below = cast("list[object]", node)
        else:
            continue
        deepest = max(deepest, depth)
        waiting.extend((each, depth + 1) for each in below)
    return deepest
