"""Objects that keep a migration from changing a table: which they are, and how to go on."""

from __future__ import annotations

from guestsql.migrate.concurrent import folded
from guestsql.migrate.failure import StatementError
from guestsql.migrate.files import PACKAGED, Migration
from guestsql.migrate.ledger import Ledger
from guestsql.migrate.text import Statement
from guestsql.sql.scanner import Kind

__all__ = ["way_out"]

# "cannot drop … because other objects depend on it", "cannot alter type of a column used by a view or rule".
_BLOCKED = ("2BP01", "0A000")
# Words of the statements that are blocked; a column may have such a name, but then it is quoted.
_KEY_WORDS = {"alter", "drop", "table", "column", "type", "view", "function", "if", "exists", "only", "set", "data"}


def way_out(ledger: Ledger, migration: Migration, failure: StatementError) -> str:
    """Return how to go on where other objects block a statement, naming them; "" where that is not the failure.

    Args:
        ledger: on a connection that is free; the failed transaction has ended or may end at any time.
        migration: whose statement failed.
        failure: how it failed.
    """
    if failure.error.sqlstate not in _BLOCKED or failure.index >= len(migration.statements):
        return ""
    dependents = ledger.dependents(_names(migration.statements[failure.index]))
    if not dependents:
        return ""
    named = ", ".join(f"{kind} {name}" for kind, name in dependents)
    drops = "; ".join(f"DROP {kind.upper()} {name}" for kind, name in dependents)
    verb = "depends" if len(dependents) == 1 else "depend"
    if migration.series == PACKAGED:
        return (
            f"{named} {verb} on it: keep the definition in a repeatable file of your own migrations (R_name.sql), "
            f"which runs after the packaged ones; then {drops}, and run guestsql migrate up again"
        )
    return (
        f"{named} {verb} on it: write {drops} before this statement, and keep the definition in a repeatable file "
        "(R_name.sql), which runs afterwards"
    )


def _names(statement: Statement) -> list[str]:
    return sorted(
        {
            folded(token)
            for token in statement.tokens
            if token.kind is Kind.QUOTED_WORD or (token.kind is Kind.WORD and token.text.lower() not in _KEY_WORDS)
        }
    )
