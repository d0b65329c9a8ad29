"""What a statement does, in one word."""

from __future__ import annotations

from guestsql.sql.scanner import Kind, tokenize

__all__ = ["is_read", "operation_name"]

_READS = ("SELECT", "VALUES", "TABLE")
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_AFTER_WITH = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE")


def operation_name(source: str) -> str:
    """Return the statement's command in upper case: `SELECT`; what follows a WITH's queries, not WITH.

    Args:
        source: the SQL.

    Returns:
        The command; "" when there is no word.
    """
    depth = 0
    behind_with = False
    for token in tokenize(source):
        if token.kind is Kind.PUNCTUATION:
            depth += (token.text == "(") - (token.text == ")")
        elif token.kind is Kind.WORD and depth == 0:
            word = token.text.upper()
            if not behind_with and word != "WITH":
                return word
            if word in _AFTER_WITH:
                return word
            behind_with = True
    return ""


def is_read(source: str) -> bool:
    """Tell whether a statement only reads, unless a function that it calls writes; FOR UPDATE counts as a write.

    Args:
        source: the SQL.
    """
    words = {token.text.upper() for token in tokenize(source) if token.kind is Kind.WORD}
    return operation_name(source) in _READS and not words & _WRITES
