"""The old bot's files read a second time, for the verification: plain `json`, and nothing of the import's reader.

A file is read record by record. The records go into buckets by guest, on disk when there are many, so memory does not
grow with the files.
"""

from __future__ import annotations

import json
import pickle
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple, cast

from guestsql.errors import InvalidUserId, LegacyFileError
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.identity import canonical_user_id
from guestsql.legacy.storage import file_sha256
from guestsql.legacy.verifying.elements import Element, list_elements
from guestsql.legacy.verifying.expected import Record
from guestsql.legacy.verifying.files import list_files, source_of
from guestsql.legacy.verifying.values import Number, Value, time_in_name
from guestsql.legacy.verifying.window import Broken, FileText, KeptPlaces, Stretch

__all__ = ["Buckets", "CheckedFile", "ErasedIds", "Unusable", "file_checksum", "read_into_buckets"]

_BUCKET_BYTES = 2 << 20
_MOST_BUCKETS = 256
_BATCH_RECORDS = 500

Resolve = Callable[[list[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file that was read.

    Attributes:
        path: relative to the folder, with `/`.
        sha256: of its bytes, in hex.
        records: how many records it has, including rejected ones.
        size: in bytes.
    """

    path: str
    sha256: str
    records: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Unusable:
    """A place of a file from which no guest can be made.

    Attributes:
        path: the file, relative to the folder.
        pointer: JSON pointer of the place.
        reason: why.
        key: the key as JSON, "" without one.
        kept: its bytes, when the database keeps exactly these; None when it does not.
        is_erased: whether it belongs to an erased guest.
    """

    path: str
    pointer: str
    reason: str
    key: str = ""
    kept: Stretch | None = None
    is_erased: bool = False


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Args:
        path: the file.

    Raises:
        LegacyFileError: it cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from error


class ErasedIds(NamedTuple):
    """The erased guests, as the database knows them.

    Attributes:
        key: of the hashes.
        salt: of the hashes without a key.
        hashes: of the guests' keys.
    """

    key: ErasureKey
    salt: bytes
    hashes: frozenset[bytes]

    def has(self, phone_number: str) -> bool:
        """Whether a guest was erased.

        Args:
            phone_number: the guest's key.
        """
        return bool(self.hashes) and not self.hashes.isdisjoint(self.key.candidates(phone_number, self.salt))


_NO_ONE = ErasedIds(ErasureKey(None), b"", frozenset())


class Buckets:
    """Records by guest, each bucket with a share of the guests.

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
        """Add a record to its guest's bucket.

        Args:
            phone_number: the guest's key.
            record: the record.
        """
        file = self._files[zlib.crc32(phone_number.encode()) % len(self._files)]
        pickle.dump((phone_number, record), file, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[dict[str, list[Record]]]:
        """Yield each bucket: the records of its guests, in the order of their keys."""
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


def _batches(records: Iterator[tuple[str, Record] | Unusable]) -> Iterator[list[tuple[str, Record] | Unusable]]:
    while batch := list(islice(records, _BATCH_RECORDS)):
        yield batch


def _no_other_keys(ids: list[str]) -> Mapping[str, str]:
    del ids
    return {}


@contextmanager
def read_into_buckets(
    directory: Path,
    own: frozenset[str],
    kept: Mapping[str, KeptPlaces] | None = None,
    erased: ErasedIds = _NO_ONE,
    region: str | None = None,
    *,
    resolve: Resolve = _no_other_keys,
) -> Generator[tuple[Buckets, list[CheckedFile], list[Unusable]]]:
    """Read all files of a folder.

    Args:
        directory: the folder.
        own: keys of the bot's own numbers, which are not guests.
        kept: by file name, the rejected bytes of the file that the database keeps.
        erased: the erased guests.
        region: whose national numbers are completed (`Settings.default_region`).
        resolve: returns the keys of those of some ids that are not their guest's key.

    Yields:
        The records by guest, the files, and the places from which no guest can be made.

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
            reader = _FileReader(path, directory, own, erased, region)
            count = 0
            for batch in _batches(reader.records((kept or {}).get(reader.name, {}))):
                count += len(batch)
                unusable += [found for found in batch if isinstance(found, Unusable)]
                records = [found for found in batch if not isinstance(found, Unusable)]
                keys = resolve(list({own_id for own_id, _ in records}))
                for own_id, record in records:
                    key = keys.get(own_id)
                    buckets.add(key or own_id, replace(record, own_id=own_id) if key else record)
            files.append(CheckedFile(reader.name, reader.sha256, count, reader.size))
        yield buckets, files, unusable


class _FileReader:
    """Reads one file."""

    def __init__(self, path: Path, directory: Path, own: frozenset[str], erased: ErasedIds, region: str | None) -> None:
        self.name = path.relative_to(directory).as_posix()
        self._source = source_of(self.name)
        self._named_at: datetime | None = time_in_name(path.name) if self._source == "backups" else None
        self._has_threads = path.name.lower().startswith("threads")
        self._own = own
        self._erased = erased
        self._region = region
        self._path = path
        self.sha256 = ""
        self.size = 0

    def records(self, kept: KeptPlaces) -> Iterator[tuple[str, Record] | Unusable]:
        try:
            with self._path.open("rb") as file:
                text = FileText(file)
                for element in list_elements(text, kept):
                    found = self._sorted(element)
                    yield replace(found, kept=element.kept) if isinstance(found, Unusable) else found
                self.sha256 = text.digest.hexdigest()
                self.size = file.tell()
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def _sorted(self, element: Element) -> tuple[str, Record] | Unusable:
        pointer, key, value = element.pointer, element.key, element.value
        if isinstance(value, Broken):
            return Unusable(self.name, pointer, value.reason)
        written = key.text if isinstance(key, Number) else key
        shown = json.dumps(written) if isinstance(written, str) else ""
        if not isinstance(written, str):
            return Unusable(self.name, pointer, "the key is not a text")
        if isinstance(value, str) and value.startswith("thread_") and self._has_threads:
            value = {"threadId": value}
        if not isinstance(value, dict):
            return Unusable(self.name, pointer, "the record is not an object", shown)
        try:
            phone_number = canonical_user_id(written, self._region)
        except InvalidUserId as error:
            return Unusable(self.name, pointer, error.message, shown)
        is_erased = self._erased.has(phone_number)
        if is_erased or phone_number in self._own:
            reason = "the guest was erased on request" if is_erased else "the bot's own number"
            return Unusable(self.name, pointer, reason, shown, is_erased=is_erased)
        fields = cast("dict[str, Value]", value)
        place = pointer + element.below
        return phone_number, Record(self._source, self.name, self._named_at, element.index, place, written, fields)


def _unreadable(path: Path, error: OSError) -> LegacyFileError:
    return LegacyFileError(f"cannot be read: {error.strerror}", path=path, hint="check the file's permissions")
