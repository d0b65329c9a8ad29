"""The text of one of the old bot's files, element by element, for the verification: plain `json`.

What the database keeps of a file byte for byte is held against the file's bytes, and stepped over when it is the same:
so what stands behind a damage can be read too.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import IO, NamedTuple, TypeAlias, cast

from guestsql.legacy.compare_values import Number, Value

__all__ = ["Broken", "Element", "FileText", "KeptPlaces", "Stretch", "list_elements"]

_CHUNK_CHARACTERS = 1 << 20
_DEEPEST = 100
_PAIR = 2
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR_END = re.compile(r"[,\]}\s]")
_LONGEST_MARK = 3
_MARKS = (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))


class Stretch(NamedTuple):
    """Some bytes of a file.

    Attributes:
        offset: the first, from 0.
        size: how many.
        sha256: of them.
    """

    offset: int
    size: int
    sha256: bytes


KeptPlaces: TypeAlias = Mapping[int, list[Stretch]]
"""By their offset in the file, the stretches of it that the database says to keep."""


@dataclass(frozen=True, slots=True)
class Element:
    """A pair of an array, whose record stands `below` the pointer, or a member of an object.

    Attributes:
        pointer: JSON pointer of the pair or member.
        index: its rank in the file, from 0.
        key: the guest's key as written.
        value: the record, or `Broken`.
        below: the pointer from the pair to its record.
        kept: where it stands, when the database keeps just these bytes as no guest.
    """

    pointer: str
    index: int
    key: Value
    value: Value
    below: str = ""
    kept: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands for a value that cannot be read.

    Attributes:
        reason: why.
        is_json: whether it is JSON nevertheless, only not what stands in these files.
    """

    reason: str
    is_json: bool = False


class FileText:
    """The text of a file, as much of it as is being looked at.

    Args:
        file: at its beginning.
        encoding: "" to look for a mark at the beginning.

    Attributes:
        digest: of the bytes that were read.
        encoding: known once something was read.
        text: decoded.
        at: index of what comes next.
        is_whole: whether nothing of the file lies behind the text.
    """

    def __init__(self, file: IO[bytes], encoding: str = "") -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.encoding = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        # An index into the text, and the byte of the file that stands there.
        self._known = (0, 0)
        self.text = ""
        self.at = 0
        self.is_whole = False

    def more(self) -> bool:
        """Read on, dropping what was passed; False at the end of the file."""
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
        self.text = self.text[self.at :] + self._decoder.decode(data, final=self.is_whole)
        self.at = 0
        self._known = (0, offset)
        return True

    @property
    def offset(self) -> int:
        """The byte of the file that comes next."""
        known, offset = self._known
        if self.at != known:
            offset += len(self.text[known : self.at].encode(self.encoding, "surrogateescape"))
            self._known = (self.at, offset)
        return offset

    def kept_here(self, kept: KeptPlaces) -> tuple[Stretch, bytes] | None:
        """Return what the database keeps of this very place, if the file has just these bytes here.

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
        """Step over some bytes; False, and no step, when the text has other ones here.

        Args:
            data: what `kept_here` returned.
        """
        passed = data.decode(self.encoding, _errors(self.encoding))
        while len(self.text) - self.at < len(passed) and self.more():
            pass
        if not self.text.startswith(passed, self.at):
            return False
        self.at += len(passed)
        return True

    def skip_space(self) -> str:
        """Step over blank space and return the character that follows, "" at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def decode(self) -> Value:
        """Read the value that starts here and step behind it; `Broken` for one that is none."""
        value: Value
        end: int | None
        while True:
            try:
                value, end = _JSON.raw_decode(self.text, self.at)
            except (json.JSONDecodeError, RecursionError) as error:
                end = _end_by_brackets(self.text, self.at)
                value = Broken("nested too deeply" if isinstance(error, RecursionError) else "no JSON")
            # What ends with the text read so far may go on in what is not.
            if end is not None and (end < len(self.text) or self.is_whole):
                break
            if not self.more():
                # Neither readable nor with an end of its own: nothing behind it can be told apart.
                self.at = len(self.text)
                return Broken("damaged up to the end of the file")
        text, start, self.at = self.text, self.at, end
        if text.count("[", start, end) + text.count("{", start, end) > _DEEPEST and _depth(value) > _DEEPEST:
            return Broken("nested too deeply", is_json=True)
        return value


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    """Return an object with all its values: the earlier ones of a repeated member as `name#1`, `name#2` and so on."""
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


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "replace"


def list_elements(text: FileText, kept: KeptPlaces) -> Iterator[Element]:
    """Yield each pair of an array, or each member of an object, and a `Broken` in place of what cannot be read.

    Args:
        text: of a file, at its beginning.
        kept: what the database keeps of the file.
    """
    opening = text.skip_space()
    if opening == "":
        return
    if opening not in "[{":
        yield _rest(text, kept, Element("", 0, None, Broken("neither an array nor an object")))
        _drain(text)
        return
    text.at += 1
    close = "]" if opening == "[" else "}"
    index = 0
    element: Element | None = None
    character = text.skip_space()
    while character not in ("", close):
        element = (_kept_element(text, index, kept, close) if kept else None) or _element(text, index, close)
        yield element
        index += 1
        character = text.skip_space()
        if character != ",":
            break
        text.at += 1
        character = text.skip_space()
    text.at += len(character) if character == close else 0
    behind = text.skip_space()
    if character != close or behind:
        reason = "something stands behind the end" if character == close else "the file is damaged or ends too early"
        rest = _rest(text, kept, Element(f"/{index}" if close == "]" else "", index, None, Broken(reason)))
        # A record that is kept up to the end of the file leaves nothing behind that could be missed.
        if rest.kept or behind or not (element and element.kept):
            yield rest
    _drain(text)


def _element(text: FileText, index: int, close: str) -> Element:
    return _pair(text, index) if close == "]" else _member(text, index)


def _kept_element(text: FileText, index: int, kept: KeptPlaces, close: str) -> Element | None:
    """Read an element out of the bytes that are kept of this place, and step over them; None when none are."""
    found = text.kept_here(kept)
    if not found or not found[1]:
        return None
    stretch, data = found
    alone = FileText(io.BytesIO(data), text.encoding)
    alone.skip_space()
    element = _element(alone, index, close)
    # More than one element is kept only of what is no JSON: else others would be passed by unread.
    is_json = not isinstance(element.value, Broken) or element.value.is_json
    if (is_json and alone.skip_space()) or not text.step_over(data):
        return None
    return replace(element, kept=stretch)


def _rest(text: FileText, kept: KeptPlaces, element: Element) -> Element:
    """Add to an element that is the rest of the file that just this is kept, if it is."""
    found = text.kept_here(kept)
    is_kept = found is not None and text.step_over(found[1]) and text.skip_space() == ""
    return replace(element, kept=found[0]) if found and is_kept else element


def _pair(text: FileText, index: int) -> Element:
    value = text.decode()
    pointer = f"/{index}"
    if isinstance(value, Broken):
        return Element(pointer, index, None, value)
    if isinstance(value, dict):
        fields = cast("dict[str, Value]", value)
        key = fields.get("phone", fields.get("phoneNumber"))
        if key is not None:
            return Element(pointer, index, key, fields)
    if not isinstance(value, list) or len(cast("list[Value]", value)) != _PAIR:
        return Element(pointer, index, None, Broken("no [key, record] pair", is_json=True))
    key, record = cast("list[Value]", value)
    return Element(pointer, index, key, record, "/1")


def _member(text: FileText, index: int) -> Element:
    key = text.decode()
    if not isinstance(key, str) or text.skip_space() != ":":
        text.at = len(text.text)
        _drain(text)
        return Element(f"/{index}", index, None, Broken("no key and colon"))
    text.at += 1
    text.skip_space()
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    return Element(pointer, index, key, text.decode())


def _drain(text: FileText) -> None:
    """Read to the end, for the checksum."""
    text.at = len(text.text)
    while text.more():
        text.at = len(text.text)


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
