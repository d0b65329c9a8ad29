"""A checksum of what the stubs are made from: no server is needed to see that nothing has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from guestsql.migrate import Migration
from guestsql.sql import Catalogue, Query

__all__ = ["digest_of"]

# To be raised when other stubs are made of the same queries.
_GENERATOR = 4


def digest_of(catalogue: Catalogue, migrations: Iterable[Migration]) -> str:
    """Return the checksum of queries and migrations.

    Blank space and comments inside the SQL do not count, nor does the place of a query in its file; the text below its
    name does, because it is in the stubs.

    Args:
        catalogue: the queries.
        migrations: those that make the schema, in the order in which they run.
    """
    digest = hashlib.sha256(f"generator {_GENERATOR}\n".encode())
    for name in sorted(catalogue):
        digest.update(json.dumps(_described(catalogue[name])).encode())
    for migration in migrations:
        digest.update(f"{migration.file.name} {migration.checksum}\n".encode())
    return digest.hexdigest()


def _described(query: Query) -> list[object]:
    sql = [token.text for token in query.tokens if not token.is_blank]
    parameters = [(each.name, each.type, each.default, each.doc) for each in query.parameters]
    return [query.name, query.operator.value, query.doc, query.file.name, parameters, sql]
