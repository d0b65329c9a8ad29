"""JSON values in a form that jsonb accepts, and back: the only place that knows the escape.

jsonb refuses NUL and lone surrogates (half of a broken emoji) in texts, `NaN`, and numbers that are too long. So in the
kept records, including their keys:

- a backslash, `u` and four lower-case hex digits mean that one code unit. They are written for U+0000, for surrogates,
  and for a backslash that would otherwise begin such a sequence;
- a text that starts with the escape of `#` is the literal of a number that jsonb cannot store.

Everything else stays as it is, so that kept records can be read in `psql`.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import cast

import msgspec

__all__ = ["Json", "Literal", "clean", "dump", "escape", "restore", "unescape"]

Json = object
"""A decoded JSON value: dict, list, str, int, Decimal, bool, None, or `Literal`."""

_REFUSED = re.compile("\x00|[\ud800-\udfff]")
_TO_ESCAPE = re.compile("\x00|[\ud800-\udfff]|" + r"\\(?=u[0-9a-f]{4})")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
_NUMBER = r"\u0023"

# In encoded JSON: a backslash before a u, or a NUL.
_SUSPICIOUS = re.compile(r"\\\\u|\\u0000")


class Literal:
    """A number as the file wrote it, which neither Python nor jsonb keeps exactly.

    Not a dataclass: msgspec encodes those, and `dump` relies on it to refuse this.

    Args:
        text: the literal, such as `NaN` or one with 5,000 digits.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Literal({self.text!r})"


def clean(text: str) -> str:
    """Return a text for a column: without NUL and lone surrogates, which PostgreSQL refuses.

    Args:
        text: any text.
    """
    return _REFUSED.sub("", text)


def escape(text: str) -> str:
    """Return a text that PostgreSQL accepts, and that `unescape` reverses.

    Args:
        text: any text.
    """
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def unescape(text: str) -> str:
    """Return the text that `escape` was given.

    Args:
        text: what `escape` returned.
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def dump(value: Json) -> str:
    """Return a JSON value as JSON text for jsonb, escaped.

    Args:
        value: a value of the reader, nested at most as deep as it allows.
    """
    try:
        text = _encode(value).decode()
    except (TypeError, ValueError):
        # A literal, or a lone surrogate.
        return _encode_slowly(value)
    return _encode_slowly(value) if "\\" in text and _SUSPICIOUS.search(text) else text


def restore(value: Json) -> Json:
    """Return the value that was dumped, from the one that jsonb returns.

    Args:
        value: decoded JSON.
    """
    if isinstance(value, str):
        return Literal(value[len(_NUMBER) :]) if value.startswith(_NUMBER) else unescape(value)
    if isinstance(value, list):
        return [restore(item) for item in cast("list[Json]", value)]
    if isinstance(value, dict):
        return {unescape(key): restore(item) for key, item in cast("dict[str, Json]", value).items()}
    return value


_encode = msgspec.json.Encoder(decimal_format="number").encode
_encode_text = json.JSONEncoder(ensure_ascii=False).encode


def _encode_slowly(value: Json) -> str:
    if isinstance(value, str):
        return _encode_text(escape(value))
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Literal):
        return _encode_text(_NUMBER + value.text)
    if isinstance(value, list):
        return f"[{','.join(_encode_slowly(item) for item in cast('list[Json]', value))}]"
    if isinstance(value, dict):
        members = cast("dict[str, Json]", value).items()
        pairs = (f"{_encode_text(escape(key))}:{_encode_slowly(item)}" for key, item in members)
        return "{" + ",".join(pairs) + "}"
    return json.dumps(value)
