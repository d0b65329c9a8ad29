"""What a statement does, in one word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guestsql.sql.scanner import Token, TokenKind

__all__ = ["is_read", "is_write", "operation_name"]

_READS = ("SELECT", "VALUES", "TABLE")
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_AFTER_WITH = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE")


def operation_name(tokens: Iterable[Token]) -> str:
    """Return the statement's command in upper case: `SELECT`; what follows a WITH's queries, not WITH.

    Args:
        tokens: of the SQL.

    Returns:
        The command; "" when there is none.
    """
    depth = 0
    behind_with = False
    for token in tokens:
        if token.kind is TokenKind.PUNCTUATION:
            depth += (token.text == "(") - (token.text == ")")
        elif token.kind is TokenKind.WORD and depth == 0:
            word = token.text.upper()
            if not behind_with and word != "WITH":
                return word
            if word in _AFTER_WITH:
                return word
            behind_with = True
    return ""


def is_read(tokens: Sequence[Token]) -> bool:
    """Return True if a statement only reads, unless a function that it calls writes; FOR UPDATE counts as a write.

    Args:
        tokens: of the SQL.
    """
    words = {token.text.upper() for token in tokens if token.kind is TokenKind.WORD}
    return operation_name(tokens) in _READS and not words & _WRITES


def is_write(tokens: Sequence[Token]) -> bool:
    """Return True if a statement writes rows, also in a query of its WITH; False for CALL and other commands.

    Args:
        tokens: of the SQL.
    """
    return operation_name(tokens) in {*_READS, *_WRITES} and not is_read(tokens)
