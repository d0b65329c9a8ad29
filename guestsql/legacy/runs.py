"""Runs of usual pairs or members, taken out of the file's text many at a time: several times faster than one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeAlias

from guestsql.legacy.element import PlainDecoder
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.raw import RawRecord, Span
from guestsql.legacy.window import TextWindow

__all__ = [
    "MEMBERS",
    "PAIRS",
    "Form",
    "Run",
    "RunSpans",
    "SpanOf",
    "decode_piece",
    "decode_run",
    "end_of_pieces",
    "find_run",
]

_BLANK = r"[ \t\n\r]*"
_PLAIN_KEY = r'"([^"\\\x00-\x1f]*)"'


class Form(NamedTuple):
    """How the records of a file follow each other: as pairs in an array, or as members of an object.

    Attributes:
        opening: the bracket that begins the file.
        closing: the one that ends it; the last of a record is of the same kind.
        key: matches the start of a record, up to the brace of its value.
        boundary: what stands between two of them. It cannot stand in a text, where the quote would be escaped; that no
            piece is part of a value is seen when it is decoded.
    """

    opening: str
    closing: str
    key: re.Pattern[str]
    boundary: re.Pattern[str]

    @property
    def is_array(self) -> bool:
        """Which of the two it is."""
        return self.opening == "["

    def whole(self, pieces: list[str]) -> str:
        """Return the JSON of some pieces."""
        end = "}]" if self.is_array else "}"
        return f"{self.opening}{f'{end},'.join(pieces)}{end}{self.closing}"


PAIRS = Form(
    "[",
    "]",
    re.compile(rf"\[{_BLANK}{_PLAIN_KEY}{_BLANK},{_BLANK}(?=\{{)"),
    re.compile(rf'\}}{_BLANK}\]{_BLANK},{_BLANK}(?=\[{_BLANK}")'),
)
MEMBERS = Form(
    "{",
    "}",
    re.compile(rf"{_PLAIN_KEY}{_BLANK}:{_BLANK}(?=\{{)"),
    re.compile(rf"\}}{_BLANK},{_BLANK}(?={_PLAIN_KEY.replace('(', '(?:')}{_BLANK}:{_BLANK}\{{)"),
)

# Characters: where every second pair is odd, a run is looked for again and again.
_LONGEST_RUN = 1 << 16

SpanOf: TypeAlias = Callable[[int], Span]


class Run(NamedTuple):
    """Some records of a file, one behind the other.

    Attributes:
        file: which file.
        place: the rank of the first among the file's records, from 0.
        pieces: the text of each, from its bracket or key to before the brace, or brace and bracket, that end it.
        form: pairs or members.
        span_of: tells where the record of a place stands, while the run is being decoded.
    """

    file: LegacyFile
    place: int
    pieces: list[str]
    form: Form = PAIRS
    span_of: SpanOf | None = None


class RunSpans:
    """Where the records of a run stand; worked out when the first is asked for.

    Args:
        window: on the file; it must not move meanwhile.
        form: pairs or members.
        start: index of the first one's bracket or key in the window.
        place: the rank of the first among the file's records, from 0.
    """

    def __init__(self, window: TextWindow, form: Form, start: int, place: int) -> None:
        self._window = window
        self._form = form
        self._start = start
        self._place = place
        self._bounds: list[tuple[int, int]] = []

    def of(self, place: int) -> Span:
        """Return where a record stands, from its bracket or key to its bracket or brace.

        Args:
            place: its rank among the file's records.
        """
        if not self._bounds:
            text, start = self._window.text, self._start
            for found in self._form.boundary.finditer(text, start, start + 2 * _LONGEST_RUN):
                self._bounds.append((start, text.index(self._form.closing, found.start()) + 1))
                start = found.end()
        start, end = self._bounds[place - self._place]
        offset = self._window.byte_offset(start)
        return Span(offset, self._window.byte_offset(end))


def find_run(text: str, start: int, form: Form = PAIRS) -> tuple[list[str], int]:
    """Return the pieces of a run that starts here, and the index behind them; [] when none does.

    Args:
        text: JSON, perhaps cut at its end.
        start: index of what may be the first one's bracket or key.
        form: pairs or members.
    """
    if not form.key.match(text, start):
        return [], start
    part = text[start : start + _LONGEST_RUN]
    pieces = form.boundary.split(part)
    rest = pieces.pop()
    return pieces, start + len(part) - len(rest)


def end_of_pieces(text: str, start: int, count: int, form: Form) -> int:
    """Return the index behind some of the pieces of a run and the comma after them.

    Args:
        text: what `find_run` was given.
        start: likewise.
        count: how many pieces, from 1.
        form: likewise.
    """
    return next(islice(form.boundary.finditer(text, start), count - 1, None)).end()


def decode_piece(run: Run, piece: str, place: int, decoder: PlainDecoder) -> RawRecord | None:
    """Return the record of a piece, or None when it is not one usual pair or member.

    Args:
        run: which run.
        piece: one of it.
        place: the record's rank among the file's records, from 0.
        decoder: one that no other thread is using.
    """
    text = piece + "}"
    key = run.form.key.match(text)
    decoded = decoder.decode(text, key.end()) if key else None
    if key is None or decoded is None or decoded[1] != len(text):
        return None
    value, _, is_plain = decoded
    where = place if run.form.is_array else key[1]
    return RawRecord(run.file, where, place, key[1], value, text[key.end() :] if is_plain else None, run.span_of)


def decode_run(run: Run) -> list[RawRecord]:
    """Decode each piece; those behind one that is no usual pair or member are left.

    Args:
        run: some pieces.
    """
    decoder = PlainDecoder()
    records: list[RawRecord] = []
    for place, piece in enumerate(run.pieces, run.place):
        record = decode_piece(run, piece, place, decoder)
        if record is None:
            break
        records.append(record)
    return records
