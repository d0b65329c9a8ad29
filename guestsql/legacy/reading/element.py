"""One JSON value inside a text: decoded, or why not, and where it ends.

`json` decodes here because it keeps what faster decoders refuse or change: lone surrogates, control characters, long
numbers, repeated members.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, cast

from guestsql.legacy.reading.json_text import Json, Literal

__all__ = ["NEXT_PAIR", "Element", "decode_element", "skip_space"]

# The end of a pair that another one follows. Inside a string the quotes would be escaped, so it is between two values.
NEXT_PAIR = re.compile(r'\}[ \t\n\r]*\](?=[ \t\n\r]*,[ \t\n\r]*\[[ \t\n\r]*")')

_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]', re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]{}"]+', re.DOTALL)

# Python and jsonb each have a deeper limit that depends on version and stack size; no real record comes near this one.
_DEEPEST = 100

# Python and numeric both keep numbers of up to this many digits exactly.
_LONGEST_NUMBER = 1000

# A literal or an escape that the end of the text may cut.
_LONGEST_TOKEN = 20


class Element(NamedTuple):
    """One decoded value.

    Attributes:
        value: the value; None when it is broken.
        end: the index after it; None when the end cannot be found.
        broken: what is wrong with it, or "".
        final: whether more text would change nothing.
    """

    value: Json
    end: int | None
    broken: str = ""
    final: bool = False


def skip_space(text: str, position: int) -> int:
    """Return the index of the next character that is not white space.

    Args:
        text: any text.
        position: index to start from.
    """
    found = _SPACE.match(text, position)
    return found.end() if found else position


def decode_element(text: str, start: int, *, in_array: bool) -> Element:
    """Decode the value that starts here, or find the end of one that is broken.

    Args:
        text: JSON, perhaps cut at its end.
        start: index of the value's first character.
        in_array: whether it may be a pair that others follow.
    """
    broken = "nested too deeply"
    try:
        value, end = _raw_decode(text, start)
    except RecursionError:
        return Element(None, _find_end(text, start), broken)
    except json.JSONDecodeError as error:
        after = _find_end(text, start)
        # More text fixes only a string that does not end here, or an error at the end of the text.
        final = not error.msg.startswith("Unterminated") and error.pos + _LONGEST_TOKEN < len(text)
        following = NEXT_PAIR.search(text, start + 1) if in_array and final else None
        if following and (after is None or following.end() < after):
            # After a missing quote, text and syntax are swapped up to the end of the file.
            return Element(None, following.end(), f"not JSON: {error.msg}", final=True)
        return Element(None, after, f"not JSON: {error.msg}")
    return Element(None, end, broken) if _is_deep(text, start, end) else Element(value, end)


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
    """Return an object; of a repeated member the last value keeps the name, the others become `name#1`, `name#2`, ….

    JSON.stringify never repeats a member, so another tool wrote this file, and any of the values may be the right one.
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


# Not strict: a raw control character in a string is not a reason to lose a guest.
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


def _is_deep(text: str, start: int, end: int) -> bool:
    if text.count("[", start, end) + text.count("{", start, end) <= _DEEPEST:
        return False
    depth = 0
    for _, step in _brackets(text, start, end):
        depth += step
        if depth > _DEEPEST:
            return True
    return False


def _brackets(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the position after each bracket, with +1 for an opening and -1 for a closing one; stop at an open quote."""
    for found in _TOKEN.finditer(text, start, end):
        part = found[0]
        if part == '"':
            return
        if len(part) == 1:
            yield found.end(), 1 if part in "[{" else -1
