"""Numbers with their nouns, as messages have them."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, such as `1 guest` or `1,024 guests`.

    Args:
        number: 0 or more.
        one: the noun for 1.
        many: the noun for any other number; default with an -s.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
