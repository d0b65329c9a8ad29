"""One JSON file of the old bot, record by record: what is whole is read, what is not becomes a damage with its place.

The bot wrote `JSON.stringify(Array.from(map.entries()))`, an array of `[key, record]` pairs; older tools wrote objects.
Elements are decoded one at a time, so that one that is broken, or nested too deeply, does not take the rest with it.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from guestsql.errors import LegacyFileError
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.text import Json, Literal, escape

__all__ = ["Content", "Damage", "RawRecord", "iter_records", "read_content"]

_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]{}"]+', re.DOTALL)

# jsonb and Python could go deeper, each to a limit of its own that depends on version and stack; no record does.
_DEEPEST = 100

# Numbers up to here are kept exactly by Python and by numeric alike.
_LONGEST_NUMBER = 1000


@dataclass(frozen=True, slots=True)
class Content:
    """A file's text.

    Attributes:
        file: which file.
        sha256: of its bytes, in hex.
        text: decoded; bytes that are no UTF-8 stand as lone surrogates.
        encoding: how it was decoded.
        skipped: bytes of the byte order mark.
    """

    file: LegacyFile
    sha256: str
    text: str
    encoding: str
    skipped: int

    def byte_offset(self, position: int) -> int:
        """Return the byte at which a character of the text stands, counted from 0.

        Args:
            position: index into `text`.
        """
        return self.skipped + len(self.text[:position].encode(self.encoding, "surrogateescape"))


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as the file has it.

    Attributes:
        file: which file.
        pointer: JSON pointer (RFC 6901) of the pair or member.
        index: its place among the file's records, from 0.
        key: the guest's key as written.
        value: the record; anything that JSON can be.
    """

    file: LegacyFile
    pointer: str
    index: int
    key: Json
    value: Json


@dataclass(frozen=True, slots=True)
class Damage:
    """A place of a file at which no record could be read.

    Attributes:
        file: which file.
        pointer: JSON pointer of the place, "" for the whole file.
        reason: what is wrong, with the byte offset.
    """

    file: LegacyFile
    pointer: str
    reason: str


def read_content(file: LegacyFile) -> Content:
    """Read a file whole.

    Args:
        file: one that `find_files` found.

    Raises:
        LegacyFileError: the operating system does not let it be read.
    """
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise LegacyFileError(
            f"cannot be read: {error.strerror}", path=file.path, hint="check that the file is yours to read"
        ) from error
    encoding, mark = _encoding(data)
    # Node writes UTF-8; a byte that is none is damage, and is kept rather than replaced.
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    text = data[len(mark) :].decode(encoding, errors)
    return Content(file, hashlib.sha256(data).hexdigest(), text, encoding, len(mark))


def iter_records(content: Content) -> Iterator[RawRecord | Damage]:
    """Yield a file's records in their order, and a damage in place of each that cannot be read.

    Args:
        content: what `read_content` returned. A text without anything in it has no records.
    """
    start = _skip(content.text, 0)
    opening = content.text[start : start + 1]
    if opening in ("[", "{"):
        yield from _Container(content, start, is_array=opening == "[").records()
    elif opening:
        yield _damage(content, "", start, "the file is neither a JSON array nor a JSON object")


def pointer_to(*parts: str | int) -> str:
    """Return a JSON pointer.

    Args:
        parts: keys and indexes from the top of the file.
    """
    texts = (escape(str(part)).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{text}" for text in texts)


@dataclass(frozen=True, slots=True)
class _Element:
    """One decoded value; when it is `broken`, why, and `end` is None when its end is not to be found."""

    value: Json
    end: int | None
    broken: str = ""


class _Container:
    """The array or object that is the file."""

    def __init__(self, content: Content, start: int, *, is_array: bool) -> None:
        self._content = content
        self._text = content.text
        self._at = _skip(self._text, start + 1)
        self._is_array = is_array
        self._close = "]" if is_array else "}"
        self._index = 0

    def records(self) -> Iterator[RawRecord | Damage]:
        if not self._closed():
            while True:
                found = self._member()
                yield found
                self._index += 1
                if isinstance(found, Damage) and self._at < 0:
                    return
                if not self._comma():
                    break
        if not self._closed():
            yield self._here("the file is damaged or ends too early")
        elif _skip(self._text, self._at + 1) < len(self._text):
            self._at = _skip(self._text, self._at + 1)
            yield self._here("something stands behind the end of the JSON")

    def _closed(self) -> bool:
        return self._text.startswith(self._close, self._at)

    def _comma(self) -> bool:
        """Step over a comma; False at the end, where one that is too many is borne."""
        if not self._text.startswith(",", self._at):
            return False
        self._at = _skip(self._text, self._at + 1)
        return not self._closed() and self._at < len(self._text)

    def _member(self) -> RawRecord | Damage:
        """Read one pair or member and step behind it; a position below 0 says that nothing can be read behind it."""
        pointer = pointer_to(self._index)
        key: Json = None
        start = self._at
        if not self._is_array:
            name = _decode(self._text, start)
            colon = _skip(self._text, name.end) if name.end is not None else start
            if not isinstance(name.value, str) or not self._text.startswith(":", colon):
                return self._lost(pointer, start, "no key and colon stand here")
            key, pointer = name.value, pointer_to(name.value)
            start = _skip(self._text, colon + 1)
        element = _decode(self._text, start)
        if element.end is None:
            return self._lost(pointer, start, element.broken)
        self._at = _skip(self._text, element.end)
        if element.broken:
            return _damage(self._content, pointer, start, element.broken)
        return self._record(pointer, key, element.value)

    def _record(self, pointer: str, key: Json, value: Json) -> RawRecord | Damage:
        file = self._content.file
        if not self._is_array:
            return RawRecord(file, pointer, self._index, key, value)
        if not isinstance(value, list) or len(cast("list[Json]", value)) != 2:  # noqa: PLR2004  a pair
            return Damage(file, pointer, "not a [key, record] pair")
        pair = cast("list[Json]", value)
        return RawRecord(file, pointer, self._index, pair[0], pair[1])

    def _lost(self, pointer: str, start: int, reason: str) -> Damage:
        self._at = -1
        return _damage(self._content, pointer, start, reason)

    def _here(self, reason: str) -> Damage:
        return _damage(self._content, pointer_to(self._index) if self._is_array else "", self._at, reason)


def _damage(content: Content, pointer: str, position: int, reason: str) -> Damage:
    return Damage(content.file, pointer, f"{reason} (byte {content.byte_offset(position)})")


def _encoding(data: bytes) -> tuple[str, bytes]:
    marks = (
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
    )
    return next(((name, mark) for name, mark in marks if data.startswith(mark)), ("utf-8", b""))


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _decode(text: str, start: int) -> _Element:
    """Decode the value that starts here; one that is broken is stepped over if its end can be told."""
    broken = "nested too deeply"
    try:
        value, end = _raw_decode(text, start)
    except RecursionError:
        return _Element(None, _find_end(text, start), broken)
    except json.JSONDecodeError as error:
        return _Element(None, _find_end(text, start), f"no JSON: {error.msg}")
    if text.count("[", start, end) + text.count("{", start, end) > _DEEPEST and _is_deep(text, start, end):
        return _Element(None, end, broken)
    return _Element(value, end)


def _raw_decode(text: str, start: int) -> tuple[Json, int]:
    try:
        return cast("tuple[Json, int]", _FAST.raw_decode(text, start))
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses integers of more than 4,300 digits.
        return cast("tuple[Json, int]", _CAREFUL.raw_decode(text, start))


def _float(text: str) -> Decimal | Literal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return Literal(text)
    short = len(text) <= _LONGEST_NUMBER and abs(number.adjusted()) <= _LONGEST_NUMBER
    return number if short else Literal(text)


def _int(text: str) -> int | Literal:
    return int(text) if len(text) <= _LONGEST_NUMBER else Literal(text)


# Not strict: a raw control character in a text is no reason to lose a guest.
_FAST = json.JSONDecoder(parse_float=_float, parse_constant=Literal, strict=False)
_CAREFUL = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=Literal, strict=False)


def _find_end(text: str, start: int) -> int | None:
    """Return the end of a value by its brackets and quotes alone; None when the text ends first."""
    if text[start : start + 1] not in ("[", "{"):
        found = _SCALAR.match(text, start)
        return found.end() if found else None
    depth = 0
    for position, step in _brackets(text, start, len(text)):
        depth += step
        if depth == 0:
            return position
    return None


def _is_deep(text: str, start: int, end: int) -> bool:
    depth = 0
    for _, step in _brackets(text, start, end):
        depth += step
        if depth > _DEEPEST:
            return True
    return False


def _brackets(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each bracket ends, with +1 for an opening and -1 for a closing one; stop at an open quote."""
    for found in _TOKEN.finditer(text, start, end):
        part = found[0]
        if part == '"':
            return
        if len(part) == 1:
            yield found.end(), 1 if part in "[{" else -1
