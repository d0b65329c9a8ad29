"""The array or object that is a file, stepped through from element to element."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from guestsql.legacy.element import NEXT_PAIR, Element, decode_element, skip_space
from guestsql.legacy.raw import Damage, RawRecord, Span, pointer_to
from guestsql.legacy.runs import MEMBERS, PAIRS, Run, RunSpans, SpanOf, end_of_pieces, find_run
from guestsql.legacy.text import Json
from guestsql.legacy.window import TextWindow

__all__ = ["Container"]

_LONGEST_BETWEEN = 1000
_MOST_VAIN_RUNS = 10
_PHONES = ("phone", "phoneNumber")

Item = TypeVar("Item")


def _same(span: Span) -> SpanOf:
    def span_of(_place: int) -> Span:
        return span

    return span_of


class Container(Generic[Item]):
    """The array or object that is the file.

    Args:
        window: on the file.
        start: index of the opening bracket or brace in the window.
        longest: characters that a record may have.
        decode: makes something of each piece of a run.
    """

    def __init__(
        self,
        window: TextWindow,
        start: int,
        longest: int,
        decode: Callable[[Run], list[Item]],
    ) -> None:
        self._window = window
        self._longest = longest
        self._decode = decode
        self._form = PAIRS if window.text.startswith(PAIRS.opening, start) else MEMBERS
        self._is_array = self._form.is_array
        self._index = 0
        self._at = start + 1
        self._lost_rest = False
        self._vain_runs = 0
        self._next_run = 0

    def items(self) -> Iterator[list[Item] | RawRecord | Damage]:
        """Yield the records in their order, lists of those of runs, and a damage in place of each that is broken."""
        self._skip_space()
        if not self._closed():
            while True:
                while items := self._run():
                    yield items
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
            yield self._here("something stands behind the end of the JSON")

    def _run(self) -> list[Item]:
        """Decode the usual records that come next and are whole in the window, and step over them."""
        if self._index < self._next_run:
            return []
        text = self._window.text
        pieces, end = find_run(text, self._at, self._form)
        if not pieces:
            return []
        spans = RunSpans(self._window, self._form, self._at, self._index)
        items = self._decode(Run(self._window.file, self._index, pieces, self._form, spans.of))
        if not items:
            # Objects within records look like records: where runs are in vain, they are looked for ever less often.
            self._vain_runs = min(self._vain_runs + 1, _MOST_VAIN_RUNS)
            self._next_run = self._index + (1 << self._vain_runs)
            return []
        self._vain_runs = 0
        self._at = end if len(items) == len(pieces) else end_of_pieces(text, self._at, len(items), self._form)
        self._index += len(items)
        return items

    def _more(self) -> None:
        self._window.advance(self._at)
        self._at = 0

    def _skip_space(self) -> None:
        """Step over blank space; behind it is a character, unless the file ends."""
        self._at = skip_space(self._window.text, self._at)
        while self._at == len(self._window.text) and not self._window.at_end:
            self._more()
            self._at = skip_space(self._window.text, 0)

    def _closed(self) -> bool:
        return self._window.text.startswith(self._form.closing, self._at)

    def _comma(self) -> bool:
        """Step over a comma; False at the end, where one that is too many is borne."""
        if not self._window.text.startswith(",", self._at):
            return False
        self._at += 1
        self._skip_space()
        return not self._closed() and self._at < len(self._window.text)

    def _member(self) -> RawRecord | Damage:
        """Read one pair or member and step behind it."""
        where: int | str = self._index
        key: Json = None
        start = self._window.byte_offset(self._at)
        if not self._is_array:
            name = self._element()
            if isinstance(name.value, str) and name.end is not None:
                self._at = name.end
                self._skip_space()
            if not isinstance(name.value, str) or not self._window.text.startswith(":", self._at):
                return self._lost(f"no key and colon stand here (byte {start})", start)
            key = where = name.value
            self._at += 1
            self._skip_space()
        element = self._element()
        if element.end is None:
            return self._find_next(where, element.broken, start)
        span = Span(start, self._window.byte_offset(element.end))
        damage = self._damage(where, f"{element.broken} ({self._place()})", span) if element.broken else None
        self._at = element.end
        self._skip_space()
        return damage or self._record(where, key, element.value, span)

    def _element(self) -> Element:
        """Decode the value that starts here, with as much of the file as it takes."""
        while True:
            text = self._window.text
            element = decode_element(text, self._at, in_array=self._is_array)
            known = element.end is not None and (element.end < len(text) or element.final)
            if known or self._window.at_end:
                return element
            if len(text) - self._at > self._longest:
                return Element(None, None, f"a record of more than {self._longest} characters, or no end of it")
            self._more()

    def _find_next(self, where: int | str, reason: str, start: int) -> Damage:
        """Tell of a value without an end; in an array, go on where a pair seems to end."""
        reason = f"{reason} ({self._place()})"
        while self._is_array:
            found = NEXT_PAIR.search(self._window.text, self._at + 1)
            if found:
                self._at = found.end()
                span = Span(start, self._window.byte_offset(self._at))
                self._skip_space()
                return self._damage(where, reason, span)
            if self._window.at_end:
                break
            self._at = max(self._at, len(self._window.text) - _LONGEST_BETWEEN)
            self._more()
        self._lost_rest = True
        return self._damage(where, reason, Span(start, None))

    def _record(self, where: int | str, key: Json, value: Json, span: Span) -> RawRecord | Damage:
        file = self._window.file
        if not self._is_array:
            return RawRecord(file, where, self._index, key, value, None, _same(span))
        if isinstance(value, dict):
            # Another bot's array of objects.
            fields = cast("dict[str, Json]", value)
            phone = next((fields[member] for member in _PHONES if member in fields), None)
            if phone is not None:
                return RawRecord(file, where, self._index, phone, value, None, _same(span))
        if not isinstance(value, list) or len(cast("list[Json]", value)) != 2:  # noqa: PLR2004  a pair
            return self._damage(where, "not a [key, record] pair", span)
        pair = cast("list[Json]", value)
        return RawRecord(file, where, self._index, pair[0], pair[1], None, _same(span))

    def _lost(self, reason: str, start: int) -> Damage:
        self._lost_rest = True
        return self._damage(self._index, reason, Span(start, None))

    def _here(self, reason: str) -> Damage:
        pointer = pointer_to(self._index) if self._is_array else ""
        span = Span(self._window.byte_offset(self._at), None)
        return Damage(self._window.file, pointer, self._index, f"{reason} ({self._place()})", span)

    def _damage(self, where: int | str, reason: str, span: Span) -> Damage:
        return Damage(self._window.file, pointer_to(where), self._index, reason, span)

    def _place(self) -> str:
        return f"byte {self._window.byte_offset(self._at)}"
