"""Which queries are the library's own business, and not for people to run.

A line of its own says so, with the reason: in the head of a file for all its queries, or below a query's name::

    -- internal: the migration runner asks these
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from guestsql._sql.query import Query

__all__ = ["internal_names"]

_MARKED_DOC = re.compile(r"^internal:[ \t]*\S", re.MULTILINE)
_MARKED_HEAD = re.compile(r"^--[ \t]?internal:[ \t]*\S", re.MULTILINE)
_FIRST_NAME = re.compile(r"^[ \t]*--[ \t]*name[ \t]*:", re.MULTILINE)


def internal_names(catalogue: Mapping[str, Query]) -> frozenset[str]:
    """Return the names of the queries that are marked internal.

    Args:
        catalogue: the queries by name; the heads of their files are read.
    """
    marked = {file: _is_marked(file) for file in {query.file for query in catalogue.values()}}
    return frozenset(name for name, query in catalogue.items() if marked[query.file] or _MARKED_DOC.search(query.doc))


def _is_marked(file: Path) -> bool:
    text = file.read_text(encoding="utf-8-sig")
    first = _FIRST_NAME.search(text)
    return bool(_MARKED_HEAD.search(text[: first.start()] if first else text))
