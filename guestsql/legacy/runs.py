"""Runs of usual pairs: taken out of the file's text many at a time, which is several times faster than one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeAlias

from guestsql.legacy.element import PlainDecoder
from guestsql.legacy.files import LegacyFile
from guestsql.legacy.raw import RawRecord, Span
from guestsql.legacy.window import TextWindow

__all__ = ["Run", "RunSpans", "SpanOf", "decode_piece", "decode_run", "end_of_pieces", "find_run"]

# What stands between two pairs whose second part is an object. It cannot stand in a text, where the quote would be
# escaped; that no piece is part of a value is seen when it is decoded.
_BOUNDARY = re.compile(r'\}[ \t\n\r]*\][ \t\n\r]*,[ \t\n\r]*(?=\[[ \t\n\r]*")')
_KEY = re.compile(r'\[[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*,[ \t\n\r]*(?=\{)')

# Characters: where every second pair is odd, a run is looked for again and again.
_LONGEST_RUN = 1 << 16

SpanOf: TypeAlias = Callable[[int], Span]


class Run(NamedTuple):
    """Some pairs of a file, one behind the other.

    Attributes:
        file: which file.
        place: the rank of the first among the file's records, from 0.
        pieces: the text of each, from its bracket to before the brace and bracket that end it.
        span_of: tells where the pair of a place stands, while the run is being decoded.
    """

    file: LegacyFile
    place: int
    pieces: list[str]
    span_of: SpanOf | None = None


class RunSpans:
    """Where the pairs of a run stand; worked out when the first is asked for.

    Args:
        window: on the file; it must not move meanwhile.
        start: index of the first pair's bracket in the window.
        place: the rank of the first among the file's records, from 0.
    """

    def __init__(self, window: TextWindow, start: int, place: int) -> None:
        self._window = window
        self._start = start
        self._place = place
        self._bounds: list[tuple[int, int]] = []

    def of(self, place: int) -> Span:
        """Return where a pair stands, from its bracket to its bracket.

        Args:
            place: the pair's rank among the file's records.
        """
        if not self._bounds:
            text, start = self._window.text, self._start
            for found in _BOUNDARY.finditer(text, start, start + 2 * _LONGEST_RUN):
                self._bounds.append((start, text.index("]", found.start()) + 1))
                start = found.end()
        start, end = self._bounds[place - self._place]
        offset = self._window.byte_offset(start)
        return Span(offset, self._window.byte_offset(end))


def find_run(text: str, start: int) -> tuple[list[str], int]:
    """Return the pieces of a run that starts here, and the index behind them; [] when none does.

    Args:
        text: JSON, perhaps cut at its end.
        start: index of what may be the first pair's bracket.
    """
    if not _KEY.match(text, start):
        return [], start
    part = text[start : start + _LONGEST_RUN]
    pieces = _BOUNDARY.split(part)
    rest = pieces.pop()
    return pieces, start + len(part) - len(rest)


def end_of_pieces(text: str, start: int, count: int) -> int:
    """Return the index behind some of the pieces of a run and the comma after them.

    Args:
        text: what `find_run` was given.
        start: likewise.
        count: how many pieces, from 1.
    """
    return next(islice(_BOUNDARY.finditer(text, start), count - 1, None)).end()


def decode_piece(
    piece: str, file: LegacyFile, place: int, decoder: PlainDecoder, span_of: SpanOf | None = None
) -> RawRecord | None:
    """Return the record of a piece, or None when it is not one usual pair.

    Args:
        piece: of a run.
        file: which file.
        place: the record's rank among the file's records, from 0.
        decoder: one that no other thread is using.
        span_of: of the run.
    """
    text = piece + "}"
    key = _KEY.match(text)
    decoded = decoder.decode(text, key.end()) if key else None
    if key is None or decoded is None or decoded[1] != len(text):
        return None
    value, _, is_plain = decoded
    return RawRecord(file, place, place, key[1], value, text[key.end() :] if is_plain else None, span_of)


def decode_run(run: Run) -> list[RawRecord]:
    """Decode each piece; those behind one that is no usual pair are left.

    Args:
        run: some pieces.
    """
    decoder = PlainDecoder()
    records: list[RawRecord] = []
    for place, piece in enumerate(run.pieces, run.place):
        record = decode_piece(piece, run.file, place, decoder, run.span_of)
        if record is None:
            break
        records.append(record)
    return records
