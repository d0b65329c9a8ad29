"""Expressions of Vega, in which no text of a row is read as code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

__all__ = ["label_expression", "plain"]


def label_expression(labels: Mapping[float, Sequence[str]]) -> str:
    """Return the expression of a label for each value.

    Args:
        labels: the lines by the value.
    """
    # JSON in ASCII is an expression of Vega, too.
    texts = {str(plain(at)): lines[0] if len(lines) == 1 else lines for at, lines in labels.items()}
    return f"{json.dumps(texts)}[datum.value]"


def plain(at: float) -> float:
    """Return a number as JavaScript writes it: 1 for 1.0."""
    return int(at) if float(at).is_integer() else at
