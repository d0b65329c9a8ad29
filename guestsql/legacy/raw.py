"""What a file holds, place by place: records as they were written, and damages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from guestsql.legacy.files import LegacyFile
from guestsql.legacy.text import Json, escape

__all__ = ["Damage", "RawRecord", "Span", "pointer_below", "pointer_to"]


class Span(NamedTuple):
    """A stretch of a file.

    Attributes:
        start: its first byte, from 0.
        end: the byte behind it; None for all that follows.
    """

    start: int
    end: int | None


class RawRecord(NamedTuple):
    """One record as the file has it.

    Attributes:
        file: which file.
        where: its index in the array, or its key in the object.
        place: its rank among the file's records, from 0.
        key: the guest's key as written.
        value: the record; anything that JSON can be.
        text: the record as JSON that jsonb takes as it is, or None when it must be escaped or was not looked at.
        span_of: tells where the pair or member stands, given its `place`; to be asked before the next one is read.
    """

    file: LegacyFile
    where: int | str
    place: int
    key: Json
    value: Json
    text: str | None = None
    span_of: Callable[[int], Span] | None = None

    @property
    def pointer(self) -> str:
        """JSON pointer (RFC 6901) of the pair or member."""
        return pointer_to(self.where)


@dataclass(frozen=True, slots=True)
class Damage:
    """A place of a file at which no record could be read.

    Attributes:
        file: which file.
        pointer: JSON pointer of the place, "" for the whole file.
        place: its rank among the file's records, from 0.
        reason: what is wrong, with the byte offset.
        span: what could not be read.
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
