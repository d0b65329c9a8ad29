"""The text of a migration file: its statements, and the form in which two texts are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guestsql._sql.depth import Depth
from guestsql._sql.places import line_and_column
from guestsql._sql.scanner import Kind, Token, tokenize
from guestsql.errors import MigrationError, QueryFileError

__all__ = ["Statement", "checksum", "normalise", "place", "scan", "split"]

_OPENING = ("(", "[")
_CLOSING = (")", "]", ",")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file, without blank space and comments.

    Attributes:
        tokens: at least one, the semicolon left out.
    """

    tokens: tuple[Token, ...]

    @property
    def offset(self) -> int:
        """Where it begins in the file, in characters, 0-based."""
        return self.tokens[0].offset

    @property
    def words(self) -> tuple[str, ...]:
        """Its key words and unquoted identifiers in lower case; any other token as it is written."""
        return tuple(token.text.lower() if token.kind is Kind.WORD else token.text for token in self.tokens)

    def begins(self, *words: str) -> bool:
        """Tell whether its first words are these."""
        return self.words[: len(words)] == words

    def holds(self, *words: str) -> bool:
        """Tell whether these words stand in it, one after the other."""
        size = len(words)
        return any(self.words[at : at + size] == words for at in range(len(self.words) - size + 1))


def scan(text: str, file: Path | None = None) -> list[Token]:
    """Cut a file into tokens.

    Args:
        text: the file.
        file: its path, for errors.

    Raises:
        MigrationError: a string, comment or dollar quote does not end.
    """
    try:
        return tokenize(text, file=file)
    except QueryFileError as error:
        raise MigrationError(
            error.message, file=error.file, line=error.line, column=error.column, hint=error.hint
        ) from error


def split(tokens: Sequence[Token]) -> list[Statement]:
    """Cut tokens into statements, as psql does.

    A semicolon ends a statement unless it stands in parentheses (CREATE RULE) or in the BEGIN ATOMIC … END of a
    function's body.

    Args:
        tokens: the whole file.

    Returns:
        The statements in order; empty ones are left out.
    """
    return [Statement(tuple(group)) for group in _groups(tokens) if group]


def normalise(tokens: Sequence[Token]) -> str:
    """Return the form in which two files are compared: no comments, blank space and line ends made equal.

    What stands in strings and dollar quotes counts as it is, but for CRLF line ends, which a checkout may change.

    Args:
        tokens: the whole file.

    Returns:
        The text, a line for each statement and for each item of a list, so that a diff is readable.
    """
    lines: list[str] = [""]
    for token in tokens:
        if token.is_blank:
            continue
        text = _server_operators(token.text) if token.kind is Kind.OPERATOR else token.text.replace("\r\n", "\n")
        glued = not lines[-1] or text in _CLOSING or token.kind is Kind.SEMICOLON or lines[-1].endswith(_OPENING)
        lines[-1] += text if glued else f" {text}"
        if token.kind is Kind.SEMICOLON or text == ",":
            lines.append("")
    # A last semicolon more or less changes nothing.
    return "\n".join(lines).rstrip("\n;") + ";\n"


def checksum(body: str) -> str:
    """Return the SHA-256 of a normalised text, hexadecimal."""
    return hashlib.sha256(body.encode()).hexdigest()


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, both 1-based and in characters, of a 0-based offset."""
    return line_and_column(text, offset)


def _server_operators(text: str) -> str:
    """Cut signs off an operator's end as the server does: `=-` is `=` and `-`, but `@-` is one operator."""
    signs = ""
    while len(text) > 1 and text[-1] in "+-" and not set(text) & set("~!@#%^&|`?"):
        text, signs = text[:-1], f" {text[-1]}{signs}"
    return text + signs


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    depth = Depth()
    group: list[Token] = []
    for token in tokens:
        if token.is_blank:
            continue
        depth.follow(token)
        if token.kind is Kind.SEMICOLON and depth.is_outside:
            yield group
            group, depth = [], Depth()
        else:
            group.append(token)
    yield group
