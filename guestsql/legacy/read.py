"""One JSON file of the old bot, record by record: what is whole is read, what is not becomes a damage with its place.

The bot wrote `JSON.stringify(Array.from(map.entries()))`, an array of `[key, record]` pairs; older tools wrote objects.
Elements are decoded one at a time, so that one that is broken, or nested too deeply, does not take the rest with it,
and only the part of the file around it is in memory. No library does that and keeps lone surrogates and long numbers:
ijson's fast backend turns the former into `?` and crashes on the latter, and none goes on behind a damage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, cast

from guestsql.legacy.files import LegacyFile
from guestsql.legacy.text import Json, Literal, escape
from guestsql.legacy.window import CHUNK_BYTES, TextWindow

__all__ = ["Damage", "FileReader", "RawRecord"]

_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]{}"]+', re.DOTALL)

# The usual pair, up to its record, and what stands between two pairs.
_PAIR = re.compile(r'\[[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*,[ \t\n\r]*(?=\{)')
_BETWEEN = re.compile(r"[ \t\n\r]*\][ \t\n\r]*,[ \t\n\r]*(?=\[)")

# Where a pair ends and another begins. In a text the quotes would be escaped, so it can only stand between two values.
_NEXT_PAIR = re.compile(r'\}[ \t\n\r]*\](?=[ \t\n\r]*,[ \t\n\r]*\[[ \t\n\r]*")')
_LONGEST_BETWEEN = 1000

# jsonb and Python could go deeper, each to a limit of its own that depends on version and stack; no record does.
_DEEPEST = 100

# Numbers up to here are kept exactly by Python and by numeric alike.
_LONGEST_NUMBER = 1000

# A literal or an escape that is cut by the end of the window.
_LONGEST_TOKEN = 20

# A record is held in memory; one of more characters is no record.
LONGEST_RECORD = 8_000_000


class RawRecord(NamedTuple):
    """One record as the file has it.

    Attributes:
        file: which file.
        where: its index in the array, or its key in the object.
        place: its rank among the file's records, from 0.
        key: the guest's key as written.
        value: the record; anything that JSON can be.
        text: the record as JSON that jsonb takes as it is, or None when it must be escaped or was not looked at.
    """

    file: LegacyFile
    where: int | str
    place: int
    key: Json
    value: Json
    text: str | None = None

    @property
    def pointer(self) -> str:
        """JSON pointer (RFC 6901) of the pair or member."""
        return _pointer_to(self.where)


@dataclass(frozen=True, slots=True)
class Damage:
    """A place of a file at which no record could be read.

    Attributes:
        file: which file.
        pointer: JSON pointer of the place, "" for the whole file.
        place: its rank among the file's records, from 0.
        reason: what is wrong, with the byte offset.
    """

    file: LegacyFile
    pointer: str
    place: int
    reason: str


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
        self._file = file
        self._progress = progress
        self._chunk_bytes = chunk_bytes
        self._longest = longest

    def records(self) -> Iterator[RawRecord | Damage]:
        """Yield the records in their order, and a damage in place of each that cannot be read.

        A file without anything in it has no records.

        Raises:
            LegacyFileError: the operating system does not let it be read.
        """
        window = TextWindow(self._file, chunk_bytes=self._chunk_bytes, progress=self._progress)
        try:
            yield from self._records(window)
            window.drain()
            self.sha256, self.size = window.sha256, window.bytes_read
        finally:
            window.close()

    def _records(self, window: TextWindow) -> Iterator[RawRecord | Damage]:
        start = _skip(window.text, 0)
        while start == len(window.text) and not window.at_end:
            window.advance(start)
            start = _skip(window.text, 0)
        opening = window.text[start : start + 1]
        if opening in ("[", "{"):
            yield from _Container(window, start, self._longest, is_array=opening == "[").records()
        elif opening:
            place = window.byte_offset(start)
            yield Damage(self._file, "", 0, f"the file is neither a JSON array nor a JSON object (byte {place})")


def _pointer_to(part: str | int) -> str:
    return "/" + escape(str(part)).replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class _Element:
    """One decoded value; when it is `broken`, why, and `end` is None when its end is not to be found.

    `final` says that more text would change nothing.
    """

    value: Json
    end: int | None
    broken: str = ""
    final: bool = False


class _Container:
    """The array or object that is the file."""

    def __init__(self, window: TextWindow, start: int, longest: int, *, is_array: bool) -> None:
        self._window = window
        self._longest = longest
        self._is_array = is_array
        self._close = "]" if is_array else "}"
        self._index = 0
        self._at = start + 1
        self._lost_rest = False
        self._odd: list[str] = []
        self._decoder = _watching_decoder(self._odd)

    def records(self) -> Iterator[RawRecord | Damage]:
        self._skip_space()
        if not self._closed():
            while True:
                if self._is_array:
                    yield from self._usual_pairs()
                yield self._member()
                self._index += 1
                if self._lost_rest:
                    return
                if not self._comma():
                    break
        if not self._closed():
            yield self._here("the file is damaged or ends too early")
            return
        self._at += 1
        self._skip_space()
        if self._at < len(self._window.text):
            yield self._here("something stands behind the end of the JSON")

    def _usual_pairs(self) -> Iterator[RawRecord]:
        """Yield pairs of a text and an object, as long as another follows in the window: nearly all, and faster."""
        file, text, at, index = self._window.file, self._window.text, self._at, self._index
        decode, odd = self._decoder.raw_decode, self._odd
        while (pair := _PAIR.match(text, at)) is not None:
            start = pair.end()
            try:
                value, end = decode(text, start)
            except (ValueError, RecursionError):
                odd.clear()
                break
            between = _BETWEEN.match(text, end)
            if between is None:
                odd.clear()
                break
            written = text[start:end]
            if written.count("[") + written.count("{") > _DEEPEST:
                odd.clear()
                break
            # A backslash, a control character or half of an emoji must be escaped, one way or another.
            plain = not odd and "\\" not in written and written.isprintable()
            odd.clear()
            yield RawRecord(file, index, index, pair[1], value, written if plain else None)
            index += 1
            at = between.end()
            self._at, self._index = at, index

    def _more(self) -> None:
        self._window.advance(self._at)
        self._at = 0

    def _skip_space(self) -> None:
        """Step over blank space; behind it is a character, unless the file ends."""
        self._at = _skip(self._window.text, self._at)
        while self._at == len(self._window.text) and not self._window.at_end:
            self._more()
            self._at = _skip(self._window.text, 0)

    def _closed(self) -> bool:
        return self._window.text.startswith(self._close, self._at)

    def _comma(self) -> bool:
        """Step over a comma; False at the end, where one that is too many is borne."""
        if not self._window.text.startswith(",", self._at):
            return False
        self._at += 1
        self._skip_space()
        return not self._closed() and self._at < len(self._window.text)

    def _member(self) -> RawRecord | Damage:
        """Read one pair or member and step behind it."""
        where: int | str = self._index
        key: Json = None
        if not self._is_array:
            place = self._place()
            name = self._element()
            if isinstance(name.value, str) and name.end is not None:
                self._at = name.end
                self._skip_space()
            if not isinstance(name.value, str) or not self._window.text.startswith(":", self._at):
                return self._lost(f"no key and colon stand here ({place})")
            key = where = name.value
            self._at += 1
            self._skip_space()
        element = self._element()
        if element.end is None:
            return self._find_next(where, element.broken)
        damage = self._damage(where, f"{element.broken} ({self._place()})") if element.broken else None
        self._at = element.end
        self._skip_space()
        return damage or self._record(where, key, element.value)

    def _element(self) -> _Element:
        """Decode the value that starts here, with as much of the file as it takes."""
        while True:
            text = self._window.text
            element = _decode(text, self._at, self._is_array)
            known = element.end is not None and (element.end < len(text) or element.final)
            if known or self._window.at_end:
                return element
            if len(text) - self._at > self._longest:
                return _Element(None, None, f"a record of more than {self._longest} characters, or no end of it")
            self._more()

    def _find_next(self, where: int | str, reason: str) -> Damage:
        """Tell of a value without an end; in an array, go on where a pair seems to end."""
        damage = self._damage(where, f"{reason} ({self._place()})")
        while self._is_array:
            found = _NEXT_PAIR.search(self._window.text, self._at + 1)
            if found:
                self._at = found.end()
                self._skip_space()
                return damage
            if self._window.at_end:
                break
            self._at = max(self._at, len(self._window.text) - _LONGEST_BETWEEN)
            self._more()
        self._lost_rest = True
        return damage

    def _record(self, where: int | str, key: Json, value: Json) -> RawRecord | Damage:
        file = self._window.file
        if not self._is_array:
            return RawRecord(file, where, self._index, key, value)
        if not isinstance(value, list) or len(cast("list[Json]", value)) != 2:  # noqa: PLR2004  a pair
            return self._damage(where, "not a [key, record] pair")
        pair = cast("list[Json]", value)
        return RawRecord(file, where, self._index, pair[0], pair[1])

    def _lost(self, reason: str) -> Damage:
        self._lost_rest = True
        return self._damage(self._index, reason)

    def _here(self, reason: str) -> Damage:
        pointer = _pointer_to(self._index) if self._is_array else ""
        return Damage(self._window.file, pointer, self._index, f"{reason} ({self._place()})")

    def _damage(self, where: int | str, reason: str) -> Damage:
        return Damage(self._window.file, _pointer_to(where), self._index, reason)

    def _place(self) -> str:
        return f"byte {self._window.byte_offset(self._at)}"


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _decode(text: str, start: int, is_array: bool) -> _Element:
    """Decode the value that starts here; one that is broken is stepped over if its end can be told."""
    broken = "nested too deeply"
    try:
        value, end = _raw_decode(text, start)
    except RecursionError:
        return _Element(None, _find_end(text, start), broken)
    except json.JSONDecodeError as error:
        behind = _find_end(text, start)
        # More text would mend neither, unless it is a text that does not end here, or the error lies at the end.
        final = not error.msg.startswith("Unterminated") and error.pos + _LONGEST_TOKEN < len(text)
        following = _NEXT_PAIR.search(text, start + 1) if is_array and final else None
        if following and (behind is None or following.end() < behind):
            # A quote that is missing turns texts inside out, up to the end of the file.
            return _Element(None, following.end(), f"no JSON: {error.msg}", final=True)
        return _Element(None, behind, f"no JSON: {error.msg}")
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


def _watching_decoder(odd: list[str]) -> json.JSONDecoder:
    """Return a decoder that notes the numbers that jsonb would not keep."""

    def number(text: str) -> Decimal | Literal:
        value = _float(text)
        return literal(text) if isinstance(value, Literal) else value

    def literal(text: str) -> Literal:
        odd.append(text)
        return Literal(text)

    return json.JSONDecoder(parse_float=number, parse_constant=literal, strict=False)


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
