"""Values as columns of COPY's text format."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NULL", "bytes_column", "labels_column", "text_column"]

NULL = "\\N"

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def text_column(text: str | None) -> str:
    """Return a text.

    Args:
        text: without NUL and lone surrogates, or None for NULL.
    """
    if text is None:
        return NULL
    return text if "\\" not in text and text.isprintable() else text.translate(_ESCAPES)


def bytes_column(data: bytes | None) -> str:
    """Return a bytea.

    Args:
        data: any bytes, or None for NULL.
    """
    return NULL if data is None else f"\\\\x{data.hex()}"


def labels_column(labels: Sequence[str] | None) -> str:
    """Return an array of texts.

    Args:
        labels: texts without NUL and lone surrogates, or None for NULL.
    """
    if not labels:
        return NULL if labels is None else "{}"
    items = '","'.join(labels)
    if "\\" in items or items.count('"') > 2 * (len(labels) - 1):
        items = '","'.join(label.translate(_LABEL_ESCAPES) for label in labels)
    return text_column(f'{{"{items}"}}')
