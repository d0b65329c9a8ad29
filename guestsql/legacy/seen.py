"""Which guests were told of already: in memory that does not grow with the files."""

from __future__ import annotations

__all__ = ["SeenKeys"]

# A prime, so that phones one after the other each have a place of their own. Of 1,000,000 that are spread out, every
# sixtieth meets another's.
_PLACES = 33_554_393


class SeenKeys:
    """A set of keys that sometimes takes one for another, and never forgets one."""

    def __init__(self) -> None:
        self._places = bytearray(_PLACES)

    def add(self, key: str) -> bool:
        """Remember a key; return whether it surely was not there.

        Args:
            key: a phone's digits. Any other key is never sure, and not remembered.
        """
        if not (key.isascii() and key.isdigit()):
            return False
        place = int(key) % _PLACES
        if self._places[place]:
            return False
        self._places[place] = 1
        return True
