"""What a row keeps of the old bot's records under `profile_data.legacy`, read without the code that wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from guestsql.legacy.compare_values import Number, Value

__all__ = ["KeptRecord", "read_kept"]

_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
_NUMBER_MARK = r"\u0023"
_FROM_BACKUPS = "backups"
_SOURCES = ("threads", "guest_profiles", "guests", _FROM_BACKUPS)


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """One record that a row keeps.

    Attributes:
        source: `threads`, `guest_profiles`, `guests` or `backups`.
        key: the key under which it is kept.
        file: the backup's name, "" for the other sources.
        written: the guest's key as the file wrote it.
        copy: "" for the first record under that key, else what tells it from the others: its number in the file, or,
            of a record that came with a later import, a checksum.
        fields: the members, as the file had them.
    """

    source: str
    key: str
    file: str
    written: str
    copy: str
    fields: dict[str, Value]


def read_kept(legacy: str | None) -> list[KeptRecord]:
    """Read what a row keeps.

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


def _parts(source: str, key: str) -> tuple[str, str, str]:
    """Split a key: no id holds a `#`; a backup's name may."""
    plain = _unescaped(key)
    file = ""
    if source == _FROM_BACKUPS:
        file, mark, plain = plain.rpartition(".json#")
        file += ".json" if mark else ""
    written, _, copy = plain.partition("#")
    return file, written, copy


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
