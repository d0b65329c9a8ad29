"""Statements that cannot run in a transaction: which ones a file may have, and how to write the others."""

from __future__ import annotations

from dataclasses import dataclass

from guestsql.migrate.text import Statement
from guestsql.sql.scanner import Token, TokenKind

__all__ = ["NO_TRANSACTION_HINT", "ConcurrentIndex", "concurrent_index", "folded", "hint_inside", "hint_outside"]

NO_TRANSACTION_HINT = "put `-- no-transaction` on the first line and leave this statement alone in its file"

_IN_TRANSACTION = "leave the first line out, so that it runs in a transaction"
_BY_HAND = "create it by hand, with psql: it belongs to the whole server, not to this database's schema"
_UNNESTED = (
    "write the statement itself, not inside DO, a function or a procedure: alone in a file with `-- no-transaction` on "
    "the first line"
)
# Whether a procedure or block can run twice, only its author knows.
_REPEATABLE = (
    ("vacuum",),
    ("analyze",),
    ("analyse",),
    ("reindex",),
    ("refresh", "materialized", "view"),
    ("cluster",),
    ("alter", "system"),
    ("call",),
    ("do",),
)


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """The index that a CREATE INDEX CONCURRENTLY creates.

    Attributes:
        name: the index's name, unquoted and folded; its schema is the table's.
        table: the table's name as written.
    """

    name: str
    table: str


def hint_outside(statement: Statement) -> str:
    """Return how to change a statement so that it can run outside a transaction, or "" if it can.

    The ledger's row cannot be written in the transaction of such a statement. If the runner dies between the two, the
    statement is done and not recorded, and the next runner repeats it.

    Args:
        statement: the only one of its file.
    """
    return _rewriting(statement) or _impossible(statement) or ("" if _is_repeatable(statement) else _IN_TRANSACTION)


def hint_inside(statement: Statement) -> str:
    """Return how to write a statement that, according to the server, cannot run in a transaction.

    Args:
        statement: one of a transactional file, or one that calls a function with such a statement.
    """
    if statement.begins("set"):
        return "write it as the first statement of the file"
    if statement.begins("discard"):
        return "leave it out: each file has a new session"
    if any(statement.begins(word) for word in ("do", "call", "select", "with")):
        return _UNNESTED
    rewriting = _rewriting(statement)
    if rewriting:
        return f"{NO_TRANSACTION_HINT}, and {rewriting}"
    return _impossible(statement) or NO_TRANSACTION_HINT


def _is_repeatable(statement: Statement) -> bool:
    if statement.begins("create"):
        return statement.holds("if", "not", "exists")
    if statement.begins("drop"):
        return statement.holds("if", "exists")
    if statement.begins("alter", "type"):
        return statement.holds("add", "value", "if", "not", "exists")
    if statement.begins("alter", "subscription"):
        return statement.holds("refresh", "publication")
    return any(statement.begins(*words) for words in _REPEATABLE)


def _rewriting(statement: Statement) -> str:
    """How to make a statement repeatable that can only run outside a transaction."""
    if _is_repeatable(statement):
        return ""
    if statement.begins("create") and "concurrently" in statement.words[:4]:
        return "write CREATE INDEX CONCURRENTLY IF NOT EXISTS name ON …"
    if statement.begins("drop", "index", "concurrently"):
        return "write DROP INDEX CONCURRENTLY IF EXISTS"
    if any(statement.begins("drop", kind) for kind in ("database", "tablespace", "subscription")):
        return f"write DROP {statement.words[1].upper()} IF EXISTS"
    if statement.begins("alter", "type") and statement.holds("add", "value"):
        return "write ADD VALUE IF NOT EXISTS"
    return ""


def _impossible(statement: Statement) -> str:
    """What to do instead of a statement that can neither run in a transaction nor twice."""
    if statement.begins("create", "database") or statement.begins("create", "tablespace"):
        return _BY_HAND
    if statement.begins("alter", "database") and "tablespace" in statement.words:
        return _BY_HAND
    if statement.begins("create", "subscription"):
        return "add create_slot = false to its WITH (…), and let it run in a transaction, without `-- no-transaction`"
    if statement.begins("alter", "subscription"):
        return "add refresh = false to its WITH (…), and let it run in a transaction, without `-- no-transaction`"
    if statement.begins("alter", "table") and "detach" in statement.words and "concurrently" in statement.words:
        return (
            "write it without CONCURRENTLY, and let it run in a transaction, without `-- no-transaction`; "
            "it locks the table for a moment"
        )
    return ""


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
    if table_at >= len(words):  # the server reports what is wrong
        return None
    table = _qualified_name(statement.tokens[table_at:])
    return ConcurrentIndex(folded(statement.tokens[name_at]), table)


def _qualified_name(tokens: tuple[Token, ...]) -> str:
    parts: list[str] = []
    for token in tokens:
        # Names and dots alternate; a second name in a row is not part of it.
        if token.text != "." and parts and parts[-1] != ".":
            break
        parts.append(token.text)
    return "".join(parts)


def folded(token: Token) -> str:
    """Return an identifier as the catalogue has it."""
    if token.kind is TokenKind.QUOTED_WORD:
        return token.text[1:-1].replace('""', '"')
    return "".join(char.lower() if char.isascii() else char for char in token.text)
