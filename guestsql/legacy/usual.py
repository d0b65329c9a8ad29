"""Usual records, straight from a run's text to lines of COPY: three of four seconds of an import were spent here.

A usual record has only the members that the bot wrote, of the types it wrote, and jsonb takes its text as it stands:
but for escapes and for line ends between values, of which other tools write many, that has nothing unprintable. msgspec
decodes a whole run at once, and refuses it when one record is not like that; then the halves are tried. What is left
over, and a record whose time or key is not in the bot's own form, goes the general way, through `records`. Both ways
make the same of a record: the tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from guestsql.guests.values import normalized
from guestsql.legacy.copy_text import NULL, labels_column
from guestsql.legacy.element import PlainDecoder
from guestsql.legacy.excluded import Excluded
from guestsql.legacy.files import LegacyFile, Source
from guestsql.legacy.lines import LineMaker
from guestsql.legacy.raw import RawRecord
from guestsql.legacy.records import read_chat_id, read_count, read_label_names, read_labels, read_name
from guestsql.legacy.runs import Run, decode_piece
from guestsql.legacy.text import dump, escape

__all__ = ["UsualDecoder", "key_prefix"]

_KEY = re.compile(r"[1-9][0-9]{6,14}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_FIRST_TIME = "1970"
_SPACE = re.compile(r"[\t\n\r]+ *")
_NO_THREAD = f"{NULL}\t{NULL}"

# A day up to the 28th is in any month: most times need not be looked at further.
_is_sure_time = re.compile(
    r"(?:19[7-9]\d|2\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII
).fullmatch

# What jsonb cannot hold, or what is kept means something else by: NUL, and a backslash of the text itself. That halves
# of an emoji stand alone is for msgspec to refuse.
_ODD_ESCAPE = re.compile(r"\\(?:\\|u0000|u005[Cc])")

# What needs no escape, neither in JSON nor on a line of COPY.
_PLAIN_ASCII = bytes(set(range(0x20, 0x7F)) - set(b"\\"))

# A name is no spelling of a phone when it has fewer digits, and it stands as it is without blanks at its ends.
_SURE_NAME = re.compile(r"(?=[^ ])\D*(?:\d\D*){0,6}(?<! )")

# Letters of the bot's name for a guest without one; no other letter becomes two of them when case is dropped.
_PLACEHOLDER_LENGTH = 7


_Text: TypeAlias = str | UnsetType | None


class _Label(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    id: str | int | UnsetType | None = UNSET
    color: _Text = UNSET


class _Record(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename="camel"):
    """What the bot wrote; only what is written anew tells absent from null."""

    thread_id: _Text = UNSET
    chat_id: _Text = UNSET
    user_name: _Text = UNSET
    created_at: _Text = UNSET
    last_activity: _Text = UNSET
    name: _Text = UNSET
    labels: list[str | _Label] | UnsetType | None = UNSET
    message_count: int | UnsetType | None = UNSET
    previous_threads: list[str] | UnsetType | None = UNSET
    id: _Text = UNSET
    phone: _Text = UNSET
    phone_number: _Text = UNSET
    label: _Text = UNSET
    whapi_labels: list[str | _Label] | UnsetType | None = UNSET
    first_interaction: _Text = UNSET
    last_interaction: _Text = UNSET
    last_pattern: _Text = UNSET
    conversation_summary: _Text = UNSET


_decode_pairs = msgspec.json.Decoder(list[tuple[str, _Record]]).decode
_decode_members = msgspec.json.Decoder(dict[str, _Record]).decode
_encode = msgspec.json.Encoder().encode


class _UnusualError(Exception):
    """A record must go the general way."""


def key_prefix(file: LegacyFile) -> str:
    """Return what stands before a record's key under `profile_data.legacy.<kind>`.

    Args:
        file: one that `find_files` found.
    """
    return f"{escape(file.path.name)}#" if file.source is Source.BACKUPS else ""


class UsualDecoder:
    """Makes lines of a run of one file.

    Args:
        file: one that `find_files` found.
        excluded: whose records are not imported.
        latest: the time of the import; a record with a later one is not usual.
        lines: makes the file's lines.
        general: makes the line of a record that is not usual.
    """

    def __init__(
        self,
        file: LegacyFile,
        excluded: Excluded,
        latest: datetime,
        lines: LineMaker,
        general: Callable[[RawRecord], str],
    ) -> None:
        self._file = file
        self._excluded = excluded.reason
        # In the bot's own form, in which times are in order as texts.
        self._latest = latest.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._record_line = lines.record
        self._general_line = general
        self._is_thread = file.is_of_threads
        self._named_at = file.named_at.isoformat() if file.named_at else None
        prefix = dump(key_prefix(file))[:-1]
        self._head = f'{{"legacy":{{"{file.source}":{{{prefix}'
        self._is_usual = "\\" not in prefix
        self._plain = PlainDecoder()

    def decode(self, run: Run) -> list[str]:
        """Return a line of COPY a piece.

        Args:
            run: of the file; what stands behind a piece that is no usual pair is left.
        """
        return self._decode(run, run.pieces, run.place)

    def _decode(self, run: Run, pieces: list[str], place: int) -> list[str]:
        lines = self._lines(run, pieces, place) if self._is_usual else None
        if lines is not None:
            return lines
        if len(pieces) == 1:
            line = self._general(run, pieces[0], place)
            return [] if line is None else [line]
        half = len(pieces) // 2
        first = self._decode(run, pieces[:half], place)
        return first if len(first) < half else first + self._decode(run, pieces[half:], place + half)

    def _lines(self, run: Run, pieces: list[str], place: int) -> list[str] | None:
        """Return what `decode` does, or None unless all of it is clean and as the bot wrote it."""
        clean = _clean(run.form.whole(pieces))
        if clean is None:
            return None
        data, is_escaped, has_lines = clean
        try:
            # It takes no line end within a text, so those that there are stand between values.
            pairs = _decode_pairs(data) if run.form.is_array else [*_decode_members(data).items()]
        except (msgspec.DecodeError, RecursionError):
            return None
        if len(pairs) != len(pieces):
            # A boundary lay within a value, or a key is there twice.
            return None
        if data.count(b'"') != _encode(pairs).count(b'"'):
            # A member is there twice, and only its last value was decoded.
            return None
        lines: list[str] = []
        for at, (piece, (key, record)) in enumerate(zip(pieces, pairs, strict=True), place):
            written = piece[piece.index("{") :]
            try:
                if is_escaped:
                    written = _copied(record, written)
                if has_lines:
                    written = _SPACE.sub(" ", written)
                lines.append(self._line(at, key, record, written))
            except _UnusualError:
                general = self._general(run, piece, at)
                if general is None:
                    break
                lines.append(general)
        return lines

    def _general(self, run: Run, piece: str, place: int) -> str | None:
        record = decode_piece(run, piece, place, self._plain)
        return self._general_line(record) if record else None

    def _line(self, place: int, key: str, record: _Record, text: str) -> str:
        """Return the line of a record; `text` is it without its last brace."""
        if not _KEY.fullmatch(key) or self._excluded(key):
            raise _UnusualError
        created, last = record.created_at or None, record.last_activity or None
        if created and not _is_sure_time(created):
            created = _time(created)
        if last and not _is_sure_time(last):
            last = _time(last)
        first = _time(record.first_interaction) if record.first_interaction else None
        if record.last_interaction:
            # Times in one form are in order as texts.
            last = max(last or "", _time(record.last_interaction))
        at = last or created or first or self._named_at
        if (at and at > self._latest) or (created and created > self._latest) or (first and first > self._latest):
            raise _UnusualError
        earliest = min(first, created) if first and created else first or created
        made = min(earliest, last) if earliest and last else earliest or last
        chat = f"{key}@s.whatsapp.net"
        if record.chat_id != chat:
            chat = read_chat_id(record.chat_id, key) or NULL
        user = _name(record.user_name, key)
        name = _name(record.name, key)
        if not self._is_thread:
            user, name = name if user == NULL else user, NULL
        thread = record.thread_id and record.thread_id.strip()
        count = read_count(record.message_count) if isinstance(record.message_count, int) else None
        return self._record_line(
            place,
            key,
            at or NULL,
            f"{chat}\t{user}\t{name}",
            _labels(record),
            f"{thread}\t{created or at or NULL}" if thread else _NO_THREAD,
            earliest or NULL,
            last or NULL,
            made or NULL,
            NULL if count is None else str(count),
            f'{self._head}{key}":{text}}}}}}}}}',
        )


def _clean(text: str) -> tuple[bytes, bool, bool] | None:
    """Return a text's bytes, whether it has escapes and line ends; or None when it has what is odd."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return None
    # Three times as quick as to look at each letter: few are no ASCII.
    rest = data.translate(None, _PLAIN_ASCII)
    if not rest:
        return data, False, False
    is_escaped = b"\\" in rest
    printed = rest.translate(None, b"\\\t\n\r")
    if not printed.decode().isprintable() or (is_escaped and _ODD_ESCAPE.search(text)):
        return None
    return data, is_escaped, len(rest) - len(printed) > rest.count(b"\\")


def _copied(record: _Record, written: str) -> str:
    """Return a record's text with its escapes for COPY to take away one backslash of."""
    columns = f"{record.thread_id}{record.chat_id}{record.user_name}{record.name}"
    if "\\" in columns or not columns.isprintable():
        raise _UnusualError
    return written.replace("\\", "\\\\")


def _time(text: str) -> str:
    if not _TIME.fullmatch(text) or text < _FIRST_TIME:
        raise _UnusualError
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise _UnusualError from None
    return text


def _name(text: _Text, key: str) -> str:
    if not text:
        return NULL
    if _SURE_NAME.fullmatch(text) and len(text) != _PLACEHOLDER_LENGTH:
        return normalized(text)
    return read_name(text, key) or NULL


def _labels(record: _Record) -> str:
    given = record.labels if isinstance(record.labels, list) else record.whapi_labels
    if given:
        return _labels_of(tuple([each if isinstance(each, str) else each.name for each in given]))
    if isinstance(given, list):
        return "{}"
    return labels_column(read_labels({"label": record.label})) if record.label else NULL


@lru_cache(maxsize=4096)
def _labels_of(names: tuple[str, ...]) -> str:
    """Few lists of labels are on most guests."""
    return labels_column(read_label_names([*names]))
