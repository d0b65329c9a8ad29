"""Cuts a long text into statements without an object for each token: a dump of rows has millions of them.

One regular expression passes over everything but the rare: a dollar quote, a comment in a comment, the body of a
routine, a colon before a name. For these the scanner is asked, which decides the same and more slowly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from guestsql.errors import QueryFileError
from guestsql.sql.depth import BRACKETS, Depth
from guestsql.sql.lexemes import CONTINUATION, NAME_PART, NUMBER, WORD, WORD_START
from guestsql.sql.scanner import Scanner, TokenKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SEPARATOR", "Piece", "cut"]

SEPARATOR = "\0"
"""Between two tokens of a piece; no text for a server can hold it."""

_PLAIN = r"(?:[^']++|'')*+'"
_ESCAPED = r"(?:[^'\\]++|''|\\[\s\S])*+'"
_BLANK = r"[ \t\n\r\f\v]++|--[^\n\r]*+|/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"
_TOKEN = "|".join(
    (
        rf"'{_PLAIN}(?:{CONTINUATION}{_PLAIN})*+",
        rf"[eE]'{_ESCAPED}(?:{CONTINUATION}{_ESCAPED})*+(?!{CONTINUATION})",
        rf"[bBxXnN]'{_PLAIN}(?:{CONTINUATION}{_PLAIN})*+",
        rf"[uU]&'{_PLAIN}(?:{CONTINUATION}{_PLAIN})*+",
        r'(?:[uU]&)?"(?:[^"]++|"")*+"',
        rf"(?![eEbBxXnN]'|[uU]&['\"]){WORD}",  # an open string is not a word
        r"[()\[\],]",
        NUMBER,
        r"\.\.|\.",
        r"(?:(?!--|/\*)[-+*/<>=~!@#%^&|`?])++",
        rf"::|:=|:{WORD_START}{NAME_PART}*+|:",
        r"\$[0-9]++",
        r"[{}\\]",
    )
)
# As many tokens as are held at once; a statement may have millions.
_STRETCH = re.compile(rf"(?:{_BLANK}|{_TOKEN}){{1,20000}}+")
_TOKENS = re.compile(rf"(?:{_BLANK})++|({_TOKEN})")
_BLANKS = re.compile(rf"(?:{_BLANK})*+")
_NAMED_COLON = re.compile(rf"(?:^|{SEPARATOR}):{WORD_START}")
_WORD = re.compile(WORD)
_ROUTINES = frozenset({"function", "procedure"})
_WORDS_OF_ROUTINE = 4


class Piece(NamedTuple):
    """A statement.

    Attributes:
        begin: offset of its first token.
        end: offset of its semicolon, or of the text's end.
        tokens: its tokens without blank space and comments, the semicolon included, with `SEPARATOR` between them.
    """

    begin: int
    end: int
    tokens: str


def cut(text: str, *, file: Path | None = None) -> Iterator[Piece]:
    """Cut SQL into statements, as psql does.

    Args:
        text: SQL without NUL.
        file: its path, for errors.

    Returns:
        The statements one after the other; one that is empty is a semicolon alone.

    Raises:
        QueryFileError: a string, quoted identifier, comment or dollar quote does not end. What of its statement comes
            before it is returned first.
    """
    at = _skip_blanks(text, 0, file)
    while at < len(text):
        statement = _Statement(text, at, file)
        try:
            end, after = statement.read()
        except QueryFileError:
            yield statement.piece(len(text))
            raise
        yield statement.piece(end)
        at = _skip_blanks(text, after, file)


class _Statement:
    def __init__(self, text: str, begin: int, file: Path | None) -> None:
        self._text = text
        self._begin = begin
        self._file = file
        self._parts: list[str] = []
        self._depth = 0
        self._words: list[str] = []  # the first ones, as long as they can be CREATE OR REPLACE FUNCTION

    def piece(self, end: int) -> Piece:
        return Piece(self._begin, end, SEPARATOR.join(self._parts))

    def read(self) -> tuple[int, int]:
        """Read to the end; offset of the semicolon, and of what comes after it, both the text's end without one."""
        text, at = self._text, self._begin
        while at < len(text):
            stretch = _STRETCH.match(text, at)
            if stretch is not None:
                if not self._take([token for token in _TOKENS.findall(text, at, stretch.end()) if token]):
                    return self._read_slowly()
                at = stretch.end()
            elif text[at] == ";":
                self._parts.append(";")
                at += 1
                if self._depth == 0:
                    return at - 1, at
            else:
                kind, end = Scanner(text, self._file).read(at)
                if kind is not TokenKind.BLOCK_COMMENT:
                    self._parts.append(text[at:end])
                at = end
        return at, at

    def _take(self, tokens: list[str]) -> bool:
        """Take a stretch of tokens; False when only the scanner can judge them."""
        if not tokens:
            return True
        joined = SEPARATOR.join(tokens)
        self._parts.append(joined)
        if self._makes_routine(tokens):
            return False
        if ":" in joined and _NAMED_COLON.search(joined):
            return False
        for step in [BRACKETS[token] for token in tokens if token in BRACKETS]:
            self._depth = max(0, self._depth + step)
        return True

    def _makes_routine(self, tokens: list[str]) -> bool:
        for token in tokens:
            if len(self._words) >= _WORDS_OF_ROUTINE or self._words[:1] not in ([], ["create"]):
                break
            if _WORD.fullmatch(token):
                self._words.append(token.lower())
        return self._words[:1] == ["create"] and not _ROUTINES.isdisjoint(self._words)

    def _read_slowly(self) -> tuple[int, int]:
        self._parts = []
        depth = Depth()
        for token in Scanner(self._text, self._file).tokens(self._begin):
            if token.is_blank:
                continue
            self._parts.append(token.text)
            depth.follow(token)
            if token.kind is TokenKind.SEMICOLON and depth.is_outside:
                return token.offset, token.end
        return len(self._text), len(self._text)


def _skip_blanks(text: str, at: int, file: Path | None) -> int:
    while True:
        found = _BLANKS.match(text, at)
        at = at if found is None else found.end()
        if not text.startswith("/*", at):
            return at
        at = Scanner(text, file).read(at)[1]
