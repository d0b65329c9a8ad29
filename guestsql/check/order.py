"""Where a list is ordered."""

from __future__ import annotations

from guestsql.check.parentheses import without_parentheses
from guestsql.check.words import Words

__all__ = ["order_by"]


def order_by(words: Words) -> int | None:
    """Find the statement's own ORDER BY.

    Args:
        words: the query's tokens.

    Returns:
        Index of the ORDER; None when there is none outside parentheses.
    """
    bare = without_parentheses(words)
    for index in range(len(bare) - 1, -1, -1):
        word = bare[index]
        if word.depth == 0 and word.folded == "order" and bare[index + 1].folded == "by":
            return next(at for at, each in enumerate(words) if each.offset == word.offset)
    return None
