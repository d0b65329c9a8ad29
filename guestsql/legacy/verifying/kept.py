"""The records that a row keeps under `profile_data.legacy`, read without the code that wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from guestsql.legacy.verifying.expected import Record
from guestsql.legacy.verifying.values import Number, Value

__all__ = ["KeptRecord", "read_kept"]

_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
_NUMBER_MARK = r"\u0023"
_FROM_BACKUPS = "backups"
_BACKUP = re.compile(r"(.*?\.json[^#]*)#(.*)", re.IGNORECASE | re.DOTALL)
_SOURCES = ("threads", "guest_profiles", "guests", _FROM_BACKUPS)
# A checksum after a key has 32 digits, a number fewer.
_LONGEST_NUMBER = 9
_IS_PLAIN = 1 << 40
_CAME_LATER = 1 << 41


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """One record that a row keeps.

    Attributes:
        source: `threads`, `guest_profiles`, `guests` or `backups`.
        key: the key under which it is kept.
        file: the backup's name, "" for the other sources.
        written: the guest's key as the file wrote it.
        copy: its number among the file's records under that key, from 1, and whether a later import added it.
        fields: the members as in the file.
    """

    source: str
    key: str
    file: str
    written: str
    copy: tuple[int, bool]
    fields: dict[str, Value]

    def as_record(self, phone_number: str) -> Record:
        """Return it as a record of a file, for `expect`.

        Args:
            phone_number: the guest's key.
        """
        number, is_later = self.copy
        # Of records with equal times a later import's wins, then the one under the guest's key, as an export writes it.
        index = number + (_CAME_LATER if is_later else 0) + (_IS_PLAIN if self.written == phone_number else 0)
        # A backup keeps only what no newer record has, often without its time, and must not count as newer.
        return Record(self.source, self.file, None, index, "", self.written, self.fields)


def read_kept(legacy: str | None) -> list[KeptRecord]:
    """Return the records that a row keeps.

    Args:
        legacy: `profile_data -> 'legacy'` as text; None when there is none.
    """
    kept: Value = json.loads(legacy, parse_int=Number, parse_float=Number) if legacy else {}
    return list(_records(cast("dict[str, Value]", kept))) if isinstance(kept, dict) else []


def _records(kept: dict[str, Value]) -> Iterator[KeptRecord]:
    for source in _SOURCES:
        records = kept.get(source)
        if not isinstance(records, dict):
            continue
        for key, fields in cast("dict[str, Value]", records).items():
            if isinstance(fields, dict):
                file, written, copy = _parts(source, key)
                plain = cast("dict[str, Value]", _plain(cast("Value", fields)))
                yield KeptRecord(source, key, file, written, copy, plain)


def _parts(source: str, key: str) -> tuple[str, str, tuple[int, bool]]:
    """Split a key. No id contains a `#`, but a backup's name may."""
    plain = _unescaped(key)
    file = ""
    backup = _BACKUP.fullmatch(plain) if source == _FROM_BACKUPS else None
    if backup:
        file, plain = backup.groups()
    written, _, copy = plain.partition("#")
    parts = copy.split("#") if copy else []
    numbers = [int(part) for part in parts if part.isdigit() and len(part) <= _LONGEST_NUMBER]
    return file, written, (numbers[-1] if numbers else 1, len(numbers) < len(parts))


def _plain(value: Value) -> Value:
    if isinstance(value, str):
        return Number(value[len(_NUMBER_MARK) :]) if value.startswith(_NUMBER_MARK) else _unescaped(value)
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Value]", value)]
    if isinstance(value, dict):
        return {_unescaped(key): _plain(below) for key, below in cast("dict[str, Value]", value).items()}
    return value


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "\\u" in text else text
