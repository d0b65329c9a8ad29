"""Patterns of PostgreSQL's words, numbers and strings, for the scanner and for the cutting of migrations."""

from __future__ import annotations

__all__ = ["CONTINUATION", "NAME_PART", "NUMBER", "WORD", "WORD_START"]

# Words have any letter beyond ASCII. The classes say what is no part of one: [A-Za-z_\x80-\U0010ffff] takes a hundred
# times as long to compile, and every program that starts would wait for it.
WORD_START = r"[^\x00-@\[-^`{-\x7f]"
NAME_PART = r"[^\x00-/:-@\[-^`{-\x7f]"
WORD = rf"{WORD_START}[^\x00-#%-/:-@\[-^`{{-\x7f]*"

_DIGITS = r"[0-9](?:_?[0-9])*"
NUMBER = (
    r"0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+"
    rf"|(?:{_DIGITS}(?:\.(?!\.)(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?"
)

# Two strings are one when only space and line comments with at least one line break are between them.
CONTINUATION = r"(?:[ \t\f\v]++|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*+'"
