"""Places in a text: from an offset to what an editor shows."""

from __future__ import annotations

__all__ = ["line_and_column"]


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Where an offset stands.

    Args:
        text: the whole text, its lines ended by a line feed.
        offset: 0-based, in characters; may be the text's length.

    Returns:
        The line and the column, both 1-based, the column in characters.
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
