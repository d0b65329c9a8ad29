"""The old bot's files read a second time, for the verification: plain `json`, and nothing the import reads with.

A file is read in pieces, record by record, and its records are laid into buckets by guest, on disk when they are many:
memory does not grow with the files.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import pickle
import re
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from guestsql.errors import InvalidUserId, LegacyFileError
from guestsql.identity import canonical_user_id
from guestsql.legacy.compare import Number, Record, Value, time_in_name

__all__ = ["Buckets", "CheckedFile", "Unusable", "list_files", "read_into_buckets"]

_NAMED = {
    "threads.json": "threads",
    "guest_profiles.json": "guest_profiles",
    "data/guests.json": "guests",
    "guests.json": "guests",
}
_BACKUPS = ("backups/threads-*.json", "threads-backup-*.json")
_CHUNK_CHARACTERS = 1 << 20
_BUCKET_BYTES = 2 << 20
_MOST_BUCKETS = 256
_DEEPEST = 100
_PAIR = 2
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR_END = re.compile(r"[,\]}\s]")


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file that was read.

    Attributes:
        path: relative to the folder, with `/`.
        sha256: of its bytes, in hex.
        records: how many it holds, those included of which no guest can be made.
        size: in bytes.
    """

    path: str
    sha256: str
    records: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Unusable:
    """A place of a file of which no guest can be made.

    Attributes:
        path: the file, relative to the folder.
        pointer: JSON pointer of the place.
        reason: why.
        key: the key as JSON, when there is one.
    """

    path: str
    pointer: str
    reason: str
    key: str = ""


def list_files(directory: Path) -> list[Path]:
    """Return the old bot's files of a folder, in the order of their names.

    Args:
        directory: the folder that holds `threads.json`, `guest_profiles.json`, `backups/`, `data/guests.json`.

    Raises:
        LegacyFileError: none of the files is there.
    """
    found = [directory / name for name in _NAMED if (directory / name).is_file()]
    for pattern in _BACKUPS:
        found.extend(path for path in sorted(directory.glob(pattern)) if path.is_file())
    if not found:
        what = "no file of the old bot is in this folder" if directory.is_dir() else "there is no such folder"
        raise LegacyFileError(what, path=directory, hint="name the folder that holds threads.json")
    return found


class Buckets:
    """Records by guest, a share of the guests in each bucket.

    Args:
        count: how many buckets.
        stack: closes their files.
    """

    def __init__(self, count: int, stack: ExitStack) -> None:
        size = _BUCKET_BYTES // count
        self._files: list[IO[bytes]] = []
        for _ in range(count):
            file = tempfile.SpooledTemporaryFile(max_size=size)  # noqa: SIM115  the stack closes it
            self._files.append(cast("IO[bytes]", stack.enter_context(file)))

    def add(self, phone_number: str, record: Record) -> None:
        """Lay a record into its guest's bucket.

        Args:
            phone_number: the guest's key.
            record: the record.
        """
        file = self._files[zlib.crc32(phone_number.encode()) % len(self._files)]
        pickle.dump((phone_number, record), file, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[dict[str, list[Record]]]:
        """Yield each bucket: the records of each of its guests, in the order of the keys."""
        for file in self._files:
            guests: dict[str, list[Record]] = {}
            for phone_number, record in _unpickled(file):
                guests.setdefault(phone_number, []).append(record)
            yield dict(sorted(guests.items()))


def _unpickled(file: IO[bytes]) -> Iterator[tuple[str, Record]]:
    end = file.tell()
    file.seek(0)
    while file.tell() < end:
        yield pickle.load(file)  # noqa: S301  this process wrote it, into a file that has no name


@contextmanager
def read_into_buckets(
    directory: Path, own: frozenset[str]
) -> Generator[tuple[Buckets, list[CheckedFile], list[Unusable]]]:
    """Read all files of a folder.

    Args:
        directory: the folder.
        own: keys of the bot's own numbers, which are no guests.

    Yields:
        The records by guest, the files, and what no guest can be made of.

    Raises:
        LegacyFileError: there is no such folder or no file in it, or one cannot be read.
    """
    paths = list_files(directory)
    size = sum(path.stat().st_size for path in paths)
    files: list[CheckedFile] = []
    unusable: list[Unusable] = []
    with ExitStack() as stack:
        buckets = Buckets(max(1, min(_MOST_BUCKETS, size // _BUCKET_BYTES)), stack)
        for path in paths:
            reader = _FileReader(path, directory, own)
            count = 0
            for found in reader.records():
                count += 1
                if isinstance(found, Unusable):
                    unusable.append(found)
                else:
                    buckets.add(*found)
            files.append(CheckedFile(reader.name, reader.sha256, count, reader.size))
        yield buckets, files, unusable


class _FileReader:
    """Reads one file."""

    def __init__(self, path: Path, directory: Path, own: frozenset[str]) -> None:
        self.name = path.relative_to(directory).as_posix()
        self._source = _NAMED.get(self.name, "backups")
        self._named_at: datetime | None = time_in_name(path.name) if self._source == "backups" else None
        self._own = own
        self._path = path
        self.sha256 = ""
        self.size = 0

    def records(self) -> Iterator[tuple[str, Record] | Unusable]:
        try:
            with self._path.open("rb") as file:
                text = _Text(file)
                for element in _elements(text):
                    yield self._sorted(element)
                self.sha256 = text.digest.hexdigest()
                self.size = file.tell()
        except OSError as error:
            raise LegacyFileError(
                f"cannot be read: {error.strerror}", path=self._path, hint="check that the file is yours to read"
            ) from error

    def _sorted(self, element: _Element) -> tuple[str, Record] | Unusable:
        pointer, key, value = element.pointer, element.key, element.value
        if isinstance(value, _Broken):
            return Unusable(self.name, pointer, value.reason)
        written = key.text if isinstance(key, Number) else key
        shown = json.dumps(written) if isinstance(written, str) else ""
        if not isinstance(written, str):
            return Unusable(self.name, pointer, "the key is no text")
        if not isinstance(value, dict):
            return Unusable(self.name, pointer, "the record is no object", shown)
        try:
            phone_number = canonical_user_id(written)
        except InvalidUserId as error:
            return Unusable(self.name, pointer, error.message, shown)
        if phone_number in self._own:
            return Unusable(self.name, pointer, "the bot's own number", shown)
        fields = cast("dict[str, Value]", value)
        place = pointer + element.below
        return phone_number, Record(self._source, self.name, self._named_at, element.index, place, written, fields)


@dataclass(frozen=True, slots=True)
class _Element:
    """A pair of an array, whose record stands `below` the pointer, or a member of an object."""

    pointer: str
    index: int
    key: Value
    value: Value
    below: str = ""


@dataclass(frozen=True, slots=True)
class _Broken:
    """Stands for a value that cannot be read."""

    reason: str


class _Text:
    """The text of a file, as much of it as is being looked at."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self._decoder: codecs.IncrementalDecoder | None = None
        self.text = ""
        self.at = 0
        self.is_whole = False

    def more(self) -> bool:
        """Read on, dropping what was passed; False at the end of the file."""
        if self.is_whole:
            return False
        wanted = max(_CHUNK_CHARACTERS, len(self.text) - self.at)
        data = self._file.read(wanted)
        self.digest.update(data)
        if self._decoder is None:
            self._decoder = _decoder(data)
        self.is_whole = not data
        self.text = self.text[self.at :] + self._decoder.decode(data, final=self.is_whole)
        self.at = 0
        return True

    def skip_space(self) -> str:
        """Step over blank space and return the character that follows, "" at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def decode(self) -> Value:
        """Read the value that starts here and step behind it; `_Broken` for one that is none."""
        value: Value
        end: int | None
        while True:
            try:
                value, end = _JSON.raw_decode(self.text, self.at)
            except (json.JSONDecodeError, RecursionError) as error:
                end = _end_by_brackets(self.text, self.at)
                value = _Broken("nested too deeply" if isinstance(error, RecursionError) else "no JSON")
            # What ends with the text read so far may go on in what is not.
            if end is not None and (end < len(self.text) or self.is_whole):
                break
            if not self.more():
                # Neither readable nor with an end of its own: nothing behind it can be told apart.
                self.at = len(self.text)
                return _Broken("damaged up to the end of the file")
        text, start, self.at = self.text, self.at, end
        if text.count("[", start, end) + text.count("{", start, end) > _DEEPEST and _depth(value) > _DEEPEST:
            return _Broken("nested too deeply")
        return value


_JSON = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Number, strict=False)


def _decoder(data: bytes) -> codecs.IncrementalDecoder:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")("replace")
    return codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")


def _elements(text: _Text) -> Iterator[_Element]:
    """Yield each pair of an array, or each member of an object."""
    opening = text.skip_space()
    if opening == "":
        return
    if opening not in "[{":
        yield _Element("", 0, None, _Broken("neither an array nor an object"))
        _drain(text)
        return
    text.at += 1
    close = "]" if opening == "[" else "}"
    index = 0
    character = text.skip_space()
    while character not in ("", close):
        yield _pair(text, index) if close == "]" else _member(text, index)
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
        yield _Element(f"/{index}" if close == "]" else "", index, None, _Broken(reason))
    _drain(text)


def _pair(text: _Text, index: int) -> _Element:
    value = text.decode()
    pointer = f"/{index}"
    if isinstance(value, _Broken):
        return _Element(pointer, index, None, value)
    if not isinstance(value, list) or len(cast("list[Value]", value)) != _PAIR:
        return _Element(pointer, index, None, _Broken("no [key, record] pair"))
    key, record = cast("list[Value]", value)
    return _Element(pointer, index, key, record, "/1")


def _member(text: _Text, index: int) -> _Element:
    key = text.decode()
    if not isinstance(key, str) or text.skip_space() != ":":
        text.at = len(text.text)
        _drain(text)
        return _Element(f"/{index}", index, None, _Broken("no key and colon"))
    text.at += 1
    text.skip_space()
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    return _Element(pointer, index, key, text.decode())


def _drain(text: _Text) -> None:
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
