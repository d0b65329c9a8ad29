"""The names of types, as the comment of a parameter writes them: where one ends, and what it means without a server.

Only a server knows which types exist. Here a name is scanned by the rules of its grammar: an identifier, quoted or not,
qualified or not; the few names of several words; modifiers such as `(10, 2)`; and the brackets of an array.
"""

from __future__ import annotations

import re

__all__ = ["TYPE_NAME", "element_type", "plain_type"]

_IDENTIFIER = r'(?:(?:U&)?"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_QUALIFIED = rf"{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})*"
# Behind the first word of a name, such as `double precision` or `interval day to second`.
_FURTHER = "precision|character|char|varying|with|without|time|zone|year|month|day|hour|minute|second|to"
_MODIFIER = rf"(?:[-+]?\d+|'(?:[^']|'')*'|{_IDENTIFIER})"
_MODIFIERS = rf"\(\s*{_MODIFIER}(?:\s*,\s*{_MODIFIER})*\s*\)"
_DIMENSION = r"(?:\[\s*\d*\s*\]|(?<!\w)array\b)"

TYPE_NAME = re.compile(
    rf"{_QUALIFIED}(?:\s+(?:{_FURTHER})\b|\s*{_MODIFIERS})*(?:\s*{_DIMENSION})*",
    re.IGNORECASE,
)
"""Matches one name of a type, however it is spelt."""

_PART = re.compile(
    rf"(?P<quoted>(?:U&)?\"(?:[^\"]|\"\")+\")|{_MODIFIERS}|(?P<dimension>{_DIMENSION})|(?P<word>[\w$]+|\.)",
    re.IGNORECASE,
)
_FIELDS = re.compile(r"interval (?:year|month|day|hour|minute|second|to| )+")
_ALIASES = {
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float": "double precision",
    "float4": "real",
    "float8": "double precision",
    "dec": "numeric",
    "decimal": "numeric",
    "bool": "boolean",
    "varchar": "text",
    "character varying": "text",
    "char varying": "text",
    "char": "text",
    "character": "text",
    "nchar": "text",
    "nchar varying": "text",
    "national char": "text",
    "national char varying": "text",
    "national character": "text",
    "national character varying": "text",
    "bpchar": "text",
    "citext": "text",
    "name": "text",
    "bit varying": "bit",
    "varbit": "bit",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time with time zone": "timetz",
    "time without time zone": "time",
}


def plain_type(type_: str | None) -> str:
    """Return PostgreSQL's one name of a type: in lower case unless quoted, and without modifiers such as `(10, 2)`.

    Args:
        type_: as a comment writes it; None is taken for text.
    """
    words, dimensions = "", 0
    for part in _PART.finditer(type_ or "text"):
        if part["dimension"]:
            dimensions += 1
        elif (written := part["quoted"] or (part["word"] or "").lower()) != "":
            glued = not words or written == "." or words.endswith(".")
            words += written if glued else f" {written}"
    bare = words.removeprefix("pg_catalog.")
    bare = "interval" if _FIELDS.fullmatch(bare) else bare
    # `array` and `[][]` are one type, whatever the number of dimensions.
    return _ALIASES.get(bare, bare) + ("[]" if dimensions else "")


def element_type(type_: str | None) -> str | None:
    """Return the type of an array's elements, whatever its dimensions; None for what is not an array.

    Args:
        type_: as a comment writes it.
    """
    plain = plain_type(type_)
    return plain.removesuffix("[]") if plain.endswith("[]") else None
