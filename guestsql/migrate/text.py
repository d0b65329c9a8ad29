"""The text of a migration file: its statements, and the form in which two texts are compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from guestsql.errors import MigrationError, QueryFileError
from guestsql.sql.pieces import SEPARATOR, Piece, cut
from guestsql.sql.scanner import Scanner, Token, TokenKind, line_and_column

__all__ = ["Statement", "checksum", "normalise", "pieces", "place"]

# An operator that ends in a sign, between two tokens.
_SIGNED = re.compile(rf"(?:(?<={SEPARATOR})|\A)[-+*/<>=~!@#%^&|`?]+[-+](?={SEPARATOR}|\Z)")
# In this order: a comma or semicolon ends its line, whatever follows.
_GLUE = (
    (f",{SEPARATOR}", ",\n"),
    (f";{SEPARATOR}", ";\n"),
    (f"({SEPARATOR}", "("),
    (f"[{SEPARATOR}", "["),
    (f"{SEPARATOR})", ")"),
    (f"{SEPARATOR}]", "]"),
    (f"{SEPARATOR},", ","),
    (f"{SEPARATOR};", ";"),
    (SEPARATOR, " "),
    ("\r\n", "\n"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file; its tokens are read on demand.

    Attributes:
        offset: where it begins in the file, in characters, 0-based.
        end: the offset of its semicolon, or the file's length.
        file_text: the file.
    """

    offset: int
    end: int
    file_text: str = field(repr=False)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Its tokens without blank space and comments, at least one, the semicolon left out."""
        return tuple(token for token in self.scanned() if not token.is_blank)

    @property
    def words(self) -> tuple[str, ...]:
        """Its key words and unquoted identifiers in lower case; any other token as it is written."""
        return tuple(token.text.lower() if token.kind is TokenKind.WORD else token.text for token in self.tokens)

    def scanned(self) -> Iterator[Token]:
        """Return all its tokens in order, with their offsets in the file."""
        for token in Scanner(self.file_text[self.offset : self.end], None).tokens():
            yield token._replace(offset=token.offset + self.offset)

    def begins(self, *words: str) -> bool:
        """Return True when its first words are these."""
        size = len(words[0])
        first = self.file_text[self.offset : self.offset + size]
        return first.lower() == words[0] and self.words[: len(words)] == words

    def holds(self, *words: str) -> bool:
        """Return True when it contains these words in a row."""
        own, size = self.words, len(words)
        return any(own[at : at + size] == words for at in range(len(own) - size + 1))


def pieces(text: str, file: Path | None = None) -> Iterator[Piece]:
    """Cut a file into statements, as psql does.

    A semicolon ends a statement unless it is in parentheses (CREATE RULE) or in the BEGIN ATOMIC … END of a
    function's body.

    Args:
        text: the file.
        file: its path, for errors.

    Raises:
        MigrationError: an unterminated string, comment or dollar quote.
    """
    try:
        yield from cut(text, file=file)
    except QueryFileError as error:
        raise MigrationError(
            error.message, file=error.file, line=error.line, column=error.column, hint=error.hint
        ) from error


def normalise(found: Iterable[Piece]) -> str:
    """Return the form in which two files are compared: without comments, with uniform blank space and line ends.

    Strings and dollar quotes count as they are, except for CRLF line ends, which a checkout may change.

    Args:
        found: the whole file.

    Returns:
        The text, a line for each statement and for each item of a list, so that a diff is readable.
    """
    # In batches: the calls cost more than the text.
    tokens = (piece.tokens for piece in found)
    body = "".join(_lines(SEPARATOR.join(some)) for some in iter(lambda: list(islice(tokens, 1000)), []))
    # A final semicolon makes no difference.
    return body.rstrip("\n;") + ";\n"


def checksum(body: str) -> str:
    """Return the SHA-256 of a normalised text, hexadecimal."""
    return hashlib.sha256(body.encode()).hexdigest()


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, both 1-based and in characters, of a 0-based offset."""
    return line_and_column(text, offset)


def _lines(tokens: str) -> str:
    # A separator is at a token's edge, so the content of a string never counts as the space between two tokens.
    lines = _SIGNED.sub(lambda found: _server_operators(found[0]), tokens)
    if lines.endswith(";"):
        lines += SEPARATOR
    for edge, glued in _GLUE:
        lines = lines.replace(edge, glued)
    return lines


def _server_operators(text: str) -> str:
    """Split trailing signs from an operator as the server does: `=-` is `=` and `-`, but `@-` is one operator."""
    signs = ""
    while len(text) > 1 and text[-1] in "+-" and not set(text) & set("~!@#%^&|`?"):
        text, signs = text[:-1], f" {text[-1]}{signs}"
    return text + signs
