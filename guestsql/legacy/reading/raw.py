"""The records of a file as they were written, and the damaged places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from guestsql.legacy.reading.files import LegacyFile
from guestsql.legacy.reading.json_text import Json, escape

__all__ = ["Damage", "RawRecord", "Span", "pointer_below", "pointer_to"]


class Span(NamedTuple):
    """A range of a file's bytes.

    Attributes:
        start: the first byte, from 0.
        end: the byte after the last; None for the rest of the file.
    """

    start: int
    end: int | None


# A Struct: millions of them are made, several times as fast as of a dataclass or a NamedTuple.
class RawRecord(msgspec.Struct):
    """One record as the file has it.

    Attributes:
        file: the file.
        where: index in the file's array, or key in its object.
        place: position among the file's records, from 0.
        key: the guest's key as written.
        value: the record; any JSON value.
    """

    file: LegacyFile
    where: int | str
    place: int
    key: Json
    value: Json

    @property
    def pointer(self) -> str:
        """JSON pointer (RFC 6901) of the pair or member."""
        return pointer_to(self.where)


@dataclass(frozen=True, slots=True)
class Damage:
    """A place of a file at which no record can be read.

    Attributes:
        file: the file.
        pointer: JSON pointer of the place, "" for the whole file.
        place: position among the file's records, from 0.
        reason: what is wrong, with the byte offset.
        span: the unreadable bytes.
    """

    file: LegacyFile
    pointer: str
    place: int
    reason: str
    span: Span


def pointer_to(part: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a member of the file's array or object.

    Args:
        part: index or key.
    """
    return "/" + escape(str(part)).replace("~", "~0").replace("/", "~1")


def pointer_below(where: str | int, member: str) -> str:
    """Return the JSON pointer of a member of a record.

    Args:
        where: index of the pair, or key of the record.
        member: the member's name.
    """
    record = pointer_to(where) + ("/1" if isinstance(where, int) else "")
    return record + pointer_to(member)
