"""What may stand in a file that runs outside a transaction: one statement that can be run again."""

from __future__ import annotations

from dataclasses import dataclass

from guestsql._sql.scanner import Kind, Token
from guestsql.migrate.text import Statement

__all__ = ["ConcurrentIndex", "concurrent_index", "why_not_repeatable"]

_REPEATABLE = (
    ("vacuum",),
    ("analyze",),
    ("analyse",),
    ("reindex",),
    ("refresh", "materialized", "view"),
    ("cluster",),
    ("alter", "system"),
    ("call",),
)


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """The index that a CREATE INDEX CONCURRENTLY makes.

    Attributes:
        name: the index's name, unquoted and folded; its schema is the table's.
        table: the table's name as written.
    """

    name: str
    table: str


def why_not_repeatable(statement: Statement) -> str:
    """Tell why a statement cannot be run twice, or "".

    The ledger's row cannot be written in the transaction of such a statement, so a runner that dies between the two
    leaves a statement that is done and not entered: the next runner runs it again.

    Args:
        statement: the only one of its file.

    Returns:
        How to write it, or "" when it may be run again.
    """
    if statement.begins("create"):
        return "" if statement.holds("if", "not", "exists") else "write CREATE … IF NOT EXISTS"
    if statement.begins("drop"):
        return "" if statement.holds("if", "exists") else "write DROP … IF EXISTS"
    if statement.begins("alter", "type"):
        return "" if statement.holds("add", "value", "if", "not", "exists") else "write ADD VALUE IF NOT EXISTS"
    if any(statement.begins(*words) for words in _REPEATABLE):
        return ""
    return "leave the first line out, so that it runs in a transaction"


def concurrent_index(statement: Statement) -> ConcurrentIndex | None:
    """Return the index of a CREATE [UNIQUE] INDEX CONCURRENTLY IF NOT EXISTS, or None for another statement."""
    words = statement.words
    if not statement.begins("create") or "concurrently" not in words[:4] or "index" not in words[:3]:
        return None
    if not statement.holds("if", "not", "exists"):
        return None
    name_at = words.index("exists") + 1
    table_at = name_at + 2
    if words[table_at : table_at + 1] == ("only",):
        table_at += 1
    if table_at >= len(words):  # the server will say what is wrong with it
        return None
    table = _qualified_name(statement.tokens[table_at:])
    return ConcurrentIndex(_folded(statement.tokens[name_at]), table)


def _qualified_name(tokens: tuple[Token, ...]) -> str:
    parts: list[str] = []
    for token in tokens:
        # Names and dots alternate; the second name in a row is no part of it.
        if token.text != "." and parts and parts[-1] != ".":
            break
        parts.append(token.text)
    return "".join(parts)


def _folded(token: Token) -> str:
    if token.kind is Kind.QUOTED_WORD:
        return token.text[1:-1].replace('""', '"')
    return "".join(char.lower() if char.isascii() else char for char in token.text)
