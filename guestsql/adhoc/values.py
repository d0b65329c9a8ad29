"""Values of PostgreSQL as text: exact in JSON and CSV, short in a table."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeGuard, cast
from zoneinfo import ZoneInfo

__all__ = ["NULL", "JsonWriter", "align_points", "as_cell", "as_json", "as_shown", "is_document", "plain_text"]

NULL = "NULL"
"""How a table shows NULL."""

_DIGITS = re.compile(r"-?\d+(?:\.(?P<fraction>\d+))?")
_INDENT = "  "
_NOT_FINITE = ("Infinity", "-Infinity", "NaN")
_WORDS = {None: "", True: "true", False: "false"}
# What reverses the direction of text can make a name look like another.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def as_json(value: object, *, ascii_only: bool = False, indent: bool = False) -> str:
    """Return a value as JSON; numbers keep every digit.

    Args:
        value: what psycopg returns, or lists and mappings of it. Types that JSON does not have become strings: times
            in ISO 8601, bytes as PostgreSQL writes them, NaN and infinities by name.
        ascii_only: escape what a narrow encoding could not write.
        indent: spread objects and lists over lines.
    """
    return JsonWriter(ascii_only).write(value, "\n" if indent else "")


class JsonWriter:
    """Writes values as JSON. json.dumps rounds a Decimal to a float or refuses it; this writes its digits.

    Args:
        ascii_only: escape what a narrow encoding could not write.
    """

    def __init__(self, ascii_only: bool = False) -> None:
        self.quote = json.JSONEncoder(ensure_ascii=ascii_only).encode

    def write(self, value: object, margin: str) -> str:
        """Return a value as JSON.

        Args:
            value: what psycopg returns, or lists and mappings of it.
            margin: a line feed and the spaces before a closing bracket; "" keeps all on one line.
        """
        if isinstance(value, str):
            return self.quote(value)
        if value is None:
            return "null"
        if isinstance(value, int | float | Decimal):
            text = as_cell(value)
            return self.quote(text) if text in _NOT_FINITE else text
        inner = margin + _INDENT if margin else ""
        if is_document(value):
            items = [f"{self.quote(str(key))}: {self.write(below, inner)}" for key, below in value.items()]
            return _bracketed("{", items, "}", margin)
        if isinstance(value, list | tuple):
            return _bracketed("[", [self.write(below, inner) for below in cast("list[Any]", value)], "]", margin)
        return self.quote(as_cell(value))


def _bracketed(opening: str, items: list[str], closing: str, margin: str) -> str:
    if not items:
        return opening + closing
    if not margin:
        return opening + ", ".join(items) + closing
    inner = margin + _INDENT
    return opening + inner + f",{inner}".join(items) + margin + closing


def is_document(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Return True if a value is a JSON object.

    Args:
        value: what psycopg returns.
    """
    return isinstance(value, Mapping)


def as_cell(value: object) -> str:
    """Return a value as the exact text of one CSV field.

    Args:
        value: what psycopg returns. None is the empty text; a list or an object is JSON.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple):
        return as_json(cast("object", value))
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


def as_shown(value: object, zone: ZoneInfo) -> str:
    """Return a value as it is shown to a person in a table.

    Args:
        value: what psycopg returns. None is NULL, unlike the empty text; a list without elements is [].
        zone: times are shown in it, to the second.
    """
    if value is None:
        return NULL
    if isinstance(value, datetime):
        try:
            local = value.astimezone(zone) if value.tzinfo is not None else value
        except OverflowError:  # a time at either end of the calendar
            return value.isoformat(" ")
        return local.strftime("%Y-%m-%d %H:%M:%S")
    whole = value
    if isinstance(value, list):
        elements = cast("list[object]", value)
        if elements and all(isinstance(each, str) for each in elements):
            return plain_text(", ".join(str(each) for each in elements))
    return plain_text(as_cell(whole))


def align_points(texts: Sequence[str]) -> list[str]:
    """Return numbers with spaces behind them, so that right-aligned their decimal points are below each other.

    Args:
        texts: the numbers of a column; anything but a plain number, such as NaN or NULL, stays as it is.
    """
    found = [_DIGITS.fullmatch(text) for text in texts]
    widths = [len(number["fraction"] or "") + bool(number["fraction"]) if number else 0 for number in found]
    widest = max(widths, default=0)
    return [
        text + " " * (widest - width) if number else text
        for text, number, width in zip(texts, found, widths, strict=True)
    ]


def plain_text(text: str) -> str:
    """Return a text that cannot steer a terminal: a guest's name may hold escape sequences.

    Args:
        text: any text; line feeds stay.
    """
    if text.isprintable():
        return text
    return "".join(_harmless(character) for character in text)


def _harmless(character: str) -> str:
    if character == "\n" or (unicodedata.category(character) != "Cc" and character not in _DIRECTION_MARKS):
        return character
    return " " if character == "\t" else "\N{REPLACEMENT CHARACTER}"


def _number(value: float | Decimal) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):  # math.isfinite would make a float of it: infinity, beyond 1e308
        return "NaN" if value.is_nan() else format(value, "f")
    return repr(value) if math.isfinite(value) else ("NaN" if math.isnan(value) else _NOT_FINITE[value < 0])
