"""The array or object that is the file, read element by element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from guestsql.legacy.reading.element import NEXT_PAIR, Element, decode_element, skip_space
from guestsql.legacy.reading.json_text import Json
from guestsql.legacy.reading.pairs import Pair, decode_pairs, pair_length
from guestsql.legacy.reading.raw import Damage, RawRecord, Span, pointer_to
from guestsql.legacy.reading.window import TextWindow

__all__ = ["Container"]

_LONGEST_BETWEEN = 1000
# Pairs to read one by one after an unusual one, or where the file is not as the bot writes it.
_ONE_BY_ONE = 20
_PHONES = ("phone", "phoneNumber")


class Container:
    """The array or object that is the file.

    Args:
        window: on the file.
        start: index of the opening bracket or brace in the window.
        longest: most characters of a record.
    """

    def __init__(self, window: TextWindow, start: int, longest: int) -> None:
        self._window = window
        self._longest = longest
        self._is_array = window.text.startswith("[", start)
        self._closing = "]" if self._is_array else "}"
        self._index = 0
        # The window keeps the text from the start of the current pair or member on.
        self._start = self._at = start + 1
        self._lost_rest = False
        self._pairs: list[Pair] = []
        self._first = 0
        self._one_by_one = 0

    def records(self) -> Iterator[RawRecord | Damage]:
        """Yield the records in their order, and a damage in place of each broken one."""
        self._skip_space()
        self._start = self._at
        if not self._closed():
            while True:
                if self._is_array:
                    yield from self._usual_pairs()
                yield self._member()
                self._index += 1
                if self._lost_rest:
                    return
                if not self._comma():
                    break
        if not self._closed():
            yield self._here("the file is damaged or ends too early")
            return
        self._at += 1
        self._skip_space()
        if self._at < len(self._window.text):
            yield self._here("something follows the end of the JSON")

    def span(self) -> Span:
        """Return the bytes of the pair or member that was yielded last."""
        start, end = self._start, self._at
        if self._pairs:
            *before, last = self._pairs[: self._index - self._first + 1]
            start += sum(pair_length(pair) + len(",") for pair in before)
            end = start + pair_length(last)
        return Span(self._window.byte_offset(start), self._window.byte_offset(end))

    def _usual_pairs(self) -> Iterator[RawRecord]:
        """Read the pairs that come next as long as they are as the bot writes them."""
        if self._one_by_one:
            self._one_by_one -= 1
            return
        file = self._window.file
        while True:
            self._pairs, end = decode_pairs(self._window.text, self._at)
            if not self._pairs:
                break
            self._first = self._index
            for key, record in self._pairs:
                yield RawRecord(file, self._index, self._index, key, record)
                self._index += 1
            self._start = self._at = end + len(",")
        self._one_by_one = _ONE_BY_ONE

    def _more(self) -> None:
        self._window.advance(self._start)
        self._at -= self._start
        self._start = 0

    def _skip_space(self) -> None:
        """Move to the next character that is not white space, or to the end of the file."""
        self._at = skip_space(self._window.text, self._at)
        while self._at == len(self._window.text) and not self._window.at_end:
            self._more()
            self._at = skip_space(self._window.text, self._at)

    def _closed(self) -> bool:
        return self._window.text.startswith(self._closing, self._at)

    def _comma(self) -> bool:
        """Move past a comma; False at the end, where a surplus comma is accepted."""
        self._start = self._at
        self._skip_space()
        if not self._window.text.startswith(",", self._at):
            return False
        self._at += 1
        self._skip_space()
        self._start = self._at
        return not self._closed() and self._at < len(self._window.text)

    def _member(self) -> RawRecord | Damage:
        """Read one pair or member and move past it."""
        where: int | str = self._index
        key: Json = None
        if not self._is_array:
            name = self._element()
            if isinstance(name.value, str) and name.end is not None:
                self._at = name.end
                self._skip_space()
            if not isinstance(name.value, str) or not self._window.text.startswith(":", self._at):
                self._lost_rest = True
                start = self._window.byte_offset(self._start)
                return self._damage(where, f"expected a key and a colon (byte {start})", Span(start, None))
            key = where = name.value
            self._at += 1
            self._skip_space()
        value, end, broken, _ = self._element()
        if end is None:
            return self._find_next(where, broken)
        if broken:
            broken = f"{broken} ({self._place()})"
            self._at = end
            return self._damage(where, broken, self.span())
        self._at = end
        return self._pair(value) if self._is_array else self._record(where, key, value)

    def _element(self) -> Element:
        """Decode the value that starts here, reading as much of the file as it takes."""
        while True:
            text = self._window.text
            element = decode_element(text, self._at, in_array=self._is_array)
            if self._window.at_end or (element.end is not None and (element.end < len(text) or element.final)):
                return element
            if len(text) - self._at > self._longest:
                return Element(None, None, f"a record of more than {self._longest} characters, or no end of it")
            self._more()

    def _find_next(self, where: int | str, reason: str) -> Damage:
        """Report a value without an end; in an array, continue where a pair seems to end."""
        reason = f"{reason} ({self._place()})"
        start = self._window.byte_offset(self._start)
        while self._is_array:
            found = NEXT_PAIR.search(self._window.text, self._at + 1)
            if found:
                self._at = found.end()
                return self._damage(where, reason, Span(start, self._window.byte_offset(self._at)))
            if self._window.at_end:
                break
            self._start = self._at = max(self._at, len(self._window.text) - _LONGEST_BETWEEN)
            self._more()
        self._lost_rest = True
        return self._damage(where, reason, Span(start, None))

    def _pair(self, value: Json) -> RawRecord | Damage:
        if isinstance(value, list) and len(cast("list[Json]", value)) == 2:  # noqa: PLR2004  a pair
            key, record = cast("list[Json]", value)
            return self._record(self._index, key, record)
        if isinstance(value, dict):
            # Another bot wrote an array of objects.
            fields = cast("dict[str, Json]", value)
            phone = next((fields[member] for member in _PHONES if member in fields), None)
            if phone is not None:
                return self._record(self._index, phone, fields)
        return self._damage(self._index, "not a [key, record] pair", self.span())

    def _record(self, where: int | str, key: Json, value: Json) -> RawRecord:
        return RawRecord(self._window.file, where, self._index, key, value)

    def _here(self, reason: str) -> Damage:
        pointer = pointer_to(self._index) if self._is_array else ""
        span = Span(self._window.byte_offset(self._at), None)
        return Damage(self._window.file, pointer, self._index, f"{reason} ({self._place()})", span)

    def _damage(self, where: int | str, reason: str, span: Span) -> Damage:
        return Damage(self._window.file, pointer_to(where), self._index, reason, span)

    def _place(self) -> str:
        return f"byte {self._window.byte_offset(self._at)}"
