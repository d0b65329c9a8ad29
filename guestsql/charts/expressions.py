"""Expressions of Vega, in which no text of a row is read as code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

__all__ = ["label_expression", "plain", "text_expression"]


def label_expression(labels: Mapping[float, Sequence[str]]) -> str:
    """Return the expression of a label for each value.

    Args:
        labels: the lines by the value.
    """
    texts = (f"{json.dumps(str(plain(at)))}: {_literal(lines)}" for at, lines in labels.items())
    return f"{{{', '.join(texts)}}}[datum.value]"


def text_expression(lines: Sequence[str]) -> dict[str, str]:
    """Return lines for a text that is drawn as it is, such as a title."""
    return {"expr": _literal(lines)}


def _literal(lines: Sequence[str]) -> str:
    # JSON in ASCII is an expression of Vega, too. But a string that is also the name of a function, or of a property of
    # every object, is taken for code, such as "if" or "toString": with a space in front it is none of them.
    texts = [f"substring({json.dumps(' ' + line)}, 1)" for line in lines]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def plain(at: float) -> float:
    """Return a number as JavaScript writes it: 1 for 1.0."""
    return int(at) if float(at).is_integer() else at
