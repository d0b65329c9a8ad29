"""The comparison's own queries.

SQL: queries/deploy.sql
"""

from __future__ import annotations

from functools import cache
from typing import Any

from guestsql._sql import Catalogue, bind_queries, default_directory
from guestsql._sql.reading import read_queries
from guestsql._sync.adapter import SyncAdapter

__all__ = ["own_queries"]


@cache
def own_queries() -> Any:  # noqa: ANN401  the methods are made from the file
    """Return the comparison's queries as methods: always the packaged ones.

    Raises:
        QueryFileError: queries/deploy.sql itself is broken.
    """
    path = default_directory() / "deploy.sql"
    queries, errors = read_queries(path.read_bytes(), path)
    if errors:
        raise errors[0]
    catalogue = Catalogue(queries)
    return bind_queries(catalogue, SyncAdapter(catalogue))
