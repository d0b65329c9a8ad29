"""The check's own queries.

SQL: queries/check.sql
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
    """Return the check's queries as methods.

    Always the packaged ones, and this file alone: the files under check may be broken.

    Raises:
        QueryFileError: queries/check.sql itself is broken.
    """
    path = default_directory() / "check.sql"
    queries, errors = read_queries(path.read_bytes(), path)
    if errors:
        raise errors[0]
    catalogue = Catalogue(queries)
    return bind_queries(catalogue, SyncAdapter(catalogue))
