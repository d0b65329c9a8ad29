"""Finds the place in a migration that breaks a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guestsql.check.finding import Finding
from guestsql.migrate.files import Migration
from guestsql.migrate.text import Statement, place
from guestsql.sql import TokenKind

__all__ = ["at_migration", "migration_of"]

_CHANGES = ("alter", "drop", "rename", "revoke", "create")


def migration_of(names: Sequence[str], migrations: Sequence[Migration]) -> Migration:
    """Return the migration that speaks of something: the last that names the first of some names.

    Args:
        names: the likeliest first.
        migrations: at least one.
    """
    for name in names:
        for migration in reversed(migrations):
            if any(_offsets(statement, name) for statement in migration.statements):
                return migration
    return migrations[-1]


def at_migration(
    migration: Migration, names: Iterable[str], rule: str, message: str, *, query: str, hint: str
) -> Finding:
    """Return a finding at the first of some names in a migration, or at its start when it has none of them.

    Args:
        migration: the migration.
        names: the likeliest first.
        rule: the code.
        message: what is wrong.
        query: the name of the query.
        hint: how to fix it.
    """
    offset, width = _place(migration, names)
    line, column = place(migration.text, offset)
    return Finding(migration.file, line, column, rule, message, query, hint, width)


def _place(migration: Migration, names: Iterable[str]) -> tuple[int, int]:
    for name in names:
        found = [
            (_rank(statement), offset, width)
            for statement in migration.statements
            for offset, width in _offsets(statement, name)
        ]
        if found:
            _, offset, width = min(found)
            return offset, width
    first = migration.statements[0].tokens[0]
    return first.offset, len(first.text)


def _rank(statement: Statement) -> int:
    """An ALTER comes before a CREATE."""
    word = statement.words[0]
    return _CHANGES.index(word) if word in _CHANGES else len(_CHANGES)


def _offsets(statement: Statement, name: str) -> list[tuple[int, int]]:
    """Place and length of each token that is a name."""
    wanted = name.lower()
    return [
        (token.offset, len(token.text))
        for token in statement.tokens
        if (token.kind is TokenKind.WORD and token.text.lower() == wanted)
        or (token.kind is TokenKind.QUOTED_WORD and token.text[1:-1].replace('""', '"') == name)
    ]
