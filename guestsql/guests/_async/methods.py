"""What type checkers know of the queries: `methods.pyi` beside this has a method for each.

At run time a query is looked up by its name when it is called.
"""

from __future__ import annotations

__all__ = ["AsyncQueryMethods"]


class AsyncQueryMethods:
    """The queries as methods."""
