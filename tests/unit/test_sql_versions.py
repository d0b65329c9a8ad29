"""The packaged SQL has nothing that PostgreSQL 14 to 18 read differently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from guestsql.sql.scanner import TokenKind, tokenize

ROOT = Path(__file__).parents[2]
FILES = sorted(file for folder in ("migrations", "queries") for file in (ROOT / folder).rglob("*.sql"))
# Their functions are replaced by 0048_vertical_tabs.sql.
OLDER = {"0011_user_ids.sql", "0025_user_ids_again.sql"}
# Version 16 added \\v; an older one drops the backslash.
ESCAPE = re.compile(r"""\\(?![bfnrt0-7xuU\\'])""")
# Version 16 added 0x1F and 1_000.
NUMBER = re.compile(r"0[xob]|[0-9]_", re.IGNORECASE)
DOLLARS = re.compile(r"(\$\w*\$)(.*)\1", re.DOTALL)


def differing(text: str) -> Iterator[str]:
    """The tokens that an older server reads otherwise, also in the bodies of functions."""
    for token in tokenize(text):
        if token.kind is TokenKind.STRING:
            quoted = DOLLARS.fullmatch(token.text)
            if quoted:
                yield from differing(quoted[2])
            elif token.text[0] in "eE" and ESCAPE.search(token.text.replace("\\\\", "")):
                yield token.text
        elif token.kind is TokenKind.NUMBER and NUMBER.search(token.text):
            yield token.text


def test_what_differs_is_found() -> None:
    text = r"SELECT E'\t\x0b\\v', '\v', E'\v', 7; DO $a$ BEGIN PERFORM E'\v'; END $a$; SELECT 1_000, 0x1F"
    assert list(differing(text)) == [r"E'\v'", r"E'\v'", "1_000", "0x1F"]


def test_no_packaged_file_differs() -> None:
    assert {file.name for file in FILES if list(differing(file.read_text(encoding="utf-8")))} == OLDER
