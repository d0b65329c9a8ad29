"""Why a query may return no row, in its own words, for whoever runs it by hand.

A line of its own below a query's name says so::

    -- empty: pg_stat_statements is not there; get_statement_statistics tells why
"""

from __future__ import annotations

import re

from guestsql._sql.query import Query

__all__ = ["why_empty"]

_MARK = re.compile(r"^empty:[ \t]*(?P<why>\S.*?)[ \t]*$", re.MULTILINE)


def why_empty(query: Query) -> str:
    """Return what no row means, or "" when the file does not say."""
    found = _MARK.search(query.doc)
    return "" if found is None else found["why"]
