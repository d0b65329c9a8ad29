"""JSON as `JSON.stringify` writes it, with every digit of its numbers."""

from __future__ import annotations

import json
import re
from typing import cast

from guestsql.legacy.verifying.values import Number, Value

__all__ = ["RecordWriter"]

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_encode_text = json.JSONEncoder(ensure_ascii=False).encode


class RecordWriter:
    """Writes records.

    Attributes:
        no_numbers: how many numbers that JSON does not have (`NaN`, `Infinity`) became `null`; the old bot can neither
            read nor write them.
    """

    def __init__(self) -> None:
        self.no_numbers = 0

    def write(self, value: Value) -> str:
        """Return a value as JSON.

        Args:
            value: made of dict, list, str, int, bool, None and `Number`.
        """
        if isinstance(value, dict):
            members = cast("dict[str, Value]", value).items()
            return "{" + ",".join([f"{_text(name)}:{self.write(below)}" for name, below in members]) + "}"
        if isinstance(value, list):
            return f"[{','.join([self.write(each) for each in cast('list[Value]', value)])}]"
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, Number):
            return self._number(value.text)
        return json.dumps(value)

    def _number(self, text: str) -> str:
        if _NUMBER.fullmatch(text):
            return text
        self.no_numbers += 1
        return "null"


def _text(text: str) -> str:
    encoded = _encode_text(text)
    # Half of a broken emoji has no UTF-8 form: JSON.stringify escapes it too.
    return encoded if encoded.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)
