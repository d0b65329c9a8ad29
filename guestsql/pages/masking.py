"""What a page shows of phone numbers and ids: their last four characters.

Names are shown: the rights of the login decide what may be read. Without the packaged tables there are no guests, and
nothing is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from guestsql.guests.identity import mask
from guestsql.ops.gauges.personal import is_personal_value, safe_label

__all__ = ["Masking", "safe_text"]

_PLAIN = frozenset({type(None), bool, int, float, Decimal, datetime, date})
# A phone number has as many digits at least, and most texts have none.
_MANY_DIGITS = re.compile(r"\d(?:\D*\d){6}")
# PostgreSQL writes years above 9999 and intervals with more digits than a phone may have.
_MOMENT = re.compile(r"\d{4,6}-\d\d-\d\d(?:[ T][\d:.+-]+)?(?: BC)?|-?\d+ (?:days?|mons?|years?)\b[ \d:.a-z-]*")


@dataclass(frozen=True, slots=True)
class Masking:
    """Whether what may identify a guest is masked, and how.

    Attributes:
        is_on: False shows every value as it is.
    """

    is_on: bool = True

    def value(self, column: str, value: object) -> object:
        """Return a value as it may be shown.

        Args:
            column: its name; it decides whether the value is a phone number or an id.
            value: what psycopg returns.
        """
        return _masked(column, value) if self.is_on else value

    def rows(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[tuple[object, ...]]:
        """Yield rows with every value as it may be shown; numbers and times of other columns are passed on at once.

        Args:
            columns: the names of the columns.
            rows: the values of each.
        """
        if not self.is_on:
            yield from map(tuple, rows)
            return
        named = [(column, is_personal_value(column)) for column in columns]
        for row in rows:
            yield tuple(
                value if type(value) in _PLAIN and not is_personal else _masked(column, value)
                for (column, is_personal), value in zip(named, row, strict=True)
            )

    def text(self, text: str) -> str:
        """Return a text from elsewhere, such as an error of the server, as it may be shown."""
        return safe_text(text) if self.is_on else text

    def is_personal(self, name: str) -> bool:
        """Return True if a parameter of that name identifies a guest: its value is in no address and no plan."""
        return self.is_on and is_personal_value(name)


def safe_text(text: str) -> str:
    """Return a text without anything that may be a phone number."""
    return safe_label("", text)


def _masked(column: str, value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return _document(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple):
        return [_masked(column, each) for each in cast("list[object]", value)]
    if is_personal_value(column):
        return mask(str(value))
    return _text(column, value) if isinstance(value, str) else value


def _text(column: str, value: str) -> str:
    return value if _MANY_DIGITS.search(value) is None or _MOMENT.fullmatch(value) else safe_label(column, value)


def _document(value: Mapping[object, object]) -> dict[str, object]:
    """Its keys may be phone numbers, too; two that look alike when masked stay two."""
    shown: dict[str, object] = {}
    for number, (key, each) in enumerate(value.items(), 1):
        name = str(key)
        safe = _text("", name)
        is_taken = safe != name and (safe in shown or safe in value)
        shown[f"{safe} ({number})" if is_taken else safe] = _in_document(name, each)
    return shown


def _in_document(key: str, value: object) -> object:
    """Keys of documents are free, so a long number of any name may be a phone number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _masked(key, str(value)) if safe_label(key, value) != str(value) else value
    return _masked(key, value)
