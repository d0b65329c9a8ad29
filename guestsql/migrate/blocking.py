"""Objects that keep a migration from changing a table: which they are, and how to go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from guestsql.errors import QueryFileError
from guestsql.migrate.concurrent import folded
from guestsql.migrate.failure import StatementError
from guestsql.migrate.files import PACKAGED, Migration
from guestsql.migrate.ledger import Ledger
from guestsql.migrate.text import Statement
from guestsql.sql.scanner import Token, TokenKind, tokenize

__all__ = ["way_out"]

# "cannot drop … because other objects depend on it", "cannot alter type of a column used by a view or rule".
_NOT_SUPPORTED = "0A000"
_BLOCKED = ("2BP01", _NOT_SUPPORTED)
_UNNAMED = "drop what the message names, run guestsql migrate up again, and create it in a repeatable file (R_name.sql)"
_DOLLAR_QUOTED = re.compile(r"(?P<tag>\$\w*\$)(?P<text>.*)(?P=tag)", re.DOTALL)
# Words of the statements that are blocked; a column may have such a name, but then it is quoted.
_KEY_WORDS = {"alter", "drop", "table", "column", "type", "view", "function", "if", "exists", "only", "set", "data"}


def way_out(ledger: Ledger, migration: Migration, failure: StatementError) -> str:
    """Return how to go on where other objects block a statement, naming them; "" if the failure is another one.

    Args:
        ledger: on a connection that is free; the failed transaction has ended or may end at any time.
        migration: whose statement failed.
        failure: how it failed.
    """
    if failure.error.sqlstate not in _BLOCKED or failure.index >= len(migration.statements):
        return ""
    dependents = ledger.dependents(_names(migration.statements[failure.index]))
    if not dependents:
        return "" if failure.error.sqlstate == _NOT_SUPPORTED else _UNNAMED
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
    """The identifiers of a statement, as the catalogue has them; those in a DO block too."""
    return sorted({name for token in statement.tokens for name in _names_of(token)})


def _names_of(token: Token) -> Iterator[str]:
    if token.kind is TokenKind.QUOTED_WORD or (token.kind is TokenKind.WORD and token.text.lower() not in _KEY_WORDS):
        yield folded(token)
    elif token.kind is TokenKind.STRING and (body := _DOLLAR_QUOTED.fullmatch(token.text)) is not None:
        # In another language than SQL it may be anything.
        with suppress(QueryFileError):
            for inner in tokenize(body["text"]):
                yield from _names_of(inner)
