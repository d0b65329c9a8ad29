# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""What type checkers know of the queries: `methods.pyi` beside this has a method for each.

At run time a query is looked up by its name when it is called.
"""

from __future__ import annotations

__all__ = ["QueryMethods"]


class QueryMethods:
    """The queries as methods."""
