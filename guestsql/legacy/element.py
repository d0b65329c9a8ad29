"""One JSON value that starts at a place of a text: decoded, or told why not, and where it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast

from guestsql.legacy.text import Json, Literal

__all__ = ["NEXT_PAIR", "Element", "PlainDecoder", "decode_element", "skip_space"]

# Where a pair ends and another begins. In a text the quotes would be escaped, so it can only stand between two values.
NEXT_PAIR = re.compile(r'\}[ \t\n\r]*\](?=[ \t\n\r]*,[ \t\n\r]*\[[ \t\n\r]*")')

_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]{}"]+', re.DOTALL)

# jsonb and Python could go deeper, each to a limit of its own that depends on version and stack; no record does.
_DEEPEST = 100

# Numbers up to here are kept exactly by Python and by numeric alike.
_LONGEST_NUMBER = 1000

# A literal or an escape that is cut by the end of the text.
_LONGEST_TOKEN = 20


@dataclass(frozen=True, slots=True)
class Element:
    """One decoded value.

    Attributes:
        value: the value; None when it is broken.
        end: the index behind it; None when it is not to be found.
        broken: what is wrong with it, or "".
        final: whether more text would change nothing.
    """

    value: Json
    end: int | None
    broken: str = ""
    final: bool = False


def skip_space(text: str, position: int) -> int:
    """Return the index of the next character that is no blank space.

    Args:
        text: any text.
        position: index to start from.
    """
    found = _SPACE.match(text, position)
    return found.end() if found else position


def decode_element(text: str, start: int, *, in_array: bool) -> Element:
    """Decode the value that starts here; one that is broken is stepped over if its end can be told.

    Args:
        text: JSON, perhaps cut at its end.
        start: index of the value's first character.
        in_array: whether it may be a pair with others behind it.
    """
    broken = "nested too deeply"
    try:
        value, end = _raw_decode(text, start)
    except RecursionError:
        return Element(None, _find_end(text, start), broken)
    except json.JSONDecodeError as error:
        behind = _find_end(text, start)
        # More text would mend neither, unless it is a text that does not end here, or the error lies at the end.
        final = not error.msg.startswith("Unterminated") and error.pos + _LONGEST_TOKEN < len(text)
        following = NEXT_PAIR.search(text, start + 1) if in_array and final else None
        if following and (behind is None or following.end() < behind):
            # A quote that is missing turns texts inside out, up to the end of the file.
            return Element(None, following.end(), f"no JSON: {error.msg}", final=True)
        return Element(None, behind, f"no JSON: {error.msg}")
    if _is_deep(text, start, end):
        return Element(None, end, broken)
    return Element(value, end)


class PlainDecoder:
    """Decodes values that are whole, and tells which jsonb keeps as they are written."""

    def __init__(self) -> None:
        self._odd: list[str] = []
        self._decoder = json.JSONDecoder(
            parse_float=self._float, parse_constant=self._literal, object_pairs_hook=self._members, strict=False
        )

    def decode(self, text: str, start: int) -> tuple[Json, int, bool] | None:
        """Return the value that starts here, the index behind it, and whether jsonb keeps it as it is written.

        Args:
            text: JSON.
            start: index of the value's first character.

        Returns:
            None when the value is broken, or has what needs a closer look.
        """
        self._odd.clear()
        try:
            value, end = self._decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return None
        if _may_be_deep(text, start, end):
            return None
        written = text[start:end]
        # A backslash, a control character or half of an emoji must be escaped, one way or another.
        return value, end, not self._odd and "\\" not in written and written.isprintable()

    def _float(self, text: str) -> Decimal | Literal:
        value = _float(text)
        return self._literal(text) if isinstance(value, Literal) else value

    def _members(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        self._odd.append("a member twice")
        return _members(pairs)

    def _literal(self, text: str) -> Literal:
        self._odd.append(text)
        return Literal(text)


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


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Return an object; of a repeated member the last value has the name, the others are `name#1`, `name#2`, ….

    JSON.stringify repeats none, so another tool wrote it, and any of the values may be the right one.
    """
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    before: dict[str, int] = {}
    last = {name: place for place, (name, _) in enumerate(pairs)}
    for place, (name, value) in enumerate(pairs):
        if place != last[name]:
            before[name] = number = _next_free(name, before.get(name, 0), members)
            members[f"{name}#{number}"] = value
    return members


def _next_free(name: str, number: int, members: dict[str, Json]) -> int:
    while f"{name}#{(number := number + 1)}" in members:
        pass
    return number


# Not strict: a raw control character in a text is no reason to lose a guest.
_FAST = json.JSONDecoder(parse_float=_float, parse_constant=Literal, object_pairs_hook=_members, strict=False)
_CAREFUL = json.JSONDecoder(
    parse_float=_float, parse_int=_int, parse_constant=Literal, object_pairs_hook=_members, strict=False
)


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


def _may_be_deep(text: str, start: int, end: int) -> bool:
    return text.count("[", start, end) + text.count("{", start, end) > _DEEPEST


def _is_deep(text: str, start: int, end: int) -> bool:
    if not _may_be_deep(text, start, end):
        return False
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
