"""One row as the two records that the old bot would have of the guest.

What is kept of the guest's records stands as it was, except for what the bot has written since: a column that no longer
says what those records together say goes before them, in every record of the guest. So nothing of an unchanged guest
changes, and the old bot finds what it missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from guestsql.legacy.compare import TIMES, Record, expect, record_order
from guestsql.legacy.compare_kept import KeptRecord, read_kept
from guestsql.legacy.compare_values import Value, composed_text

__all__ = ["GuestExport"]

Fields = dict[str, Value]

_COLUMNS = (
    "chat_id",
    "thread_id",
    "user_name",
    "contact_name",
    "labels",
    "first_interaction",
    "last_interaction",
    "total_interactions",
    "created_at",
)
_THREAD_ORDER = ("threadId", "chatId", "userName", "createdAt", "lastActivity", "name", "labels")
_PROFILE_ORDER = ("id", "name", "phone", "label", "whapiLabels", "firstInteraction", "lastInteraction")
# A checksum behind a key has 32 digits, a number fewer.
_LONGEST_NUMBER = 9
_IS_PLAIN = 1 << 40
_CAME_LATER = 1 << 41
_NOBODY = "Usuario"
_NO_LABEL = "nuevo"


class GuestExport:
    """What the old bot's files are to say of one guest.

    Args:
        row: of the query `list_guests_to_export`.

    Attributes:
        is_new: made since the import, or known to backups alone.
        changed: columns that say something else than the records that are kept.
    """

    def __init__(self, row: Any) -> None:  # noqa: ANN401  psycopg's named tuple
        self._row = row
        self._kept = read_kept(row.legacy)
        self._threads = _newest_of(self._kept, "threads")
        self._profile = _newest_of(self._kept, "guest_profiles")
        self.is_new = self._threads is None and self._profile is None
        self.changed = self._changed()

    def thread(self) -> Fields | None:
        """Return the record for `threads.json`; None for a guest whom only `guest_profiles.json` had, unchanged."""
        if self._threads is not None:
            return _ordered(self._with_changes(self._threads, is_thread=True), _THREAD_ORDER)
        if not self.is_new and not self.changed:
            return None
        made = self._made_thread(_newest_of(self._kept, "backups") or {})
        return _ordered(made, _THREAD_ORDER)

    def profile(self) -> Fields | None:
        """Return the record for `guest_profiles.json`; None for a guest who was imported without one."""
        if self._profile is not None:
            return _ordered(self._with_changes(self._profile, is_thread=False), _PROFILE_ORDER)
        return _ordered(self._made_profile(), _PROFILE_ORDER) if not self._kept else None

    def _changed(self) -> set[str]:
        row = self._row
        if not self._kept:
            return set(_COLUMNS)
        expectation = expect(row.phone_number, [_as_record(each) for each in self._kept])
        is_one_of_each = len({each.source for each in self._kept}) == len(self._kept)
        if is_one_of_each and row.context_epoch == 0 and row.updated_at == expectation.recorded_at:
            # Nobody has touched the row since the import made it.
            return set()
        told = {column: expectation.columns[column].value for column in _COLUMNS}
        told["labels"] = told["labels"] or list[str]()
        told["created_at"] = told["created_at"] or row.created_at
        return {column for column in _COLUMNS if getattr(row, column) != told[column]}

    def _with_changes(self, kept: Fields, *, is_thread: bool) -> Fields:
        fields = dict(kept)
        row = self._row
        for column, member in (("chat_id", "chatId"), ("contact_name", "name")):
            if column in self.changed and is_thread:
                _put(fields, member, getattr(row, column))
        if "thread_id" in self.changed and (is_thread or "threadId" in fields):
            fields["threadId"] = row.thread_id
        if "user_name" in self.changed:
            if not is_thread:
                fields["name"] = row.user_name
            if is_thread or "userName" in fields:
                fields["userName"] = row.user_name or _NOBODY
        if "chat_id" in self.changed and not is_thread and "chatId" in fields:
            _put(fields, "chatId", row.chat_id)
        self._put_labels(fields, is_thread=is_thread)
        self._put_times(fields, is_thread=is_thread)
        if "total_interactions" in self.changed and (is_thread or "messageCount" in fields):
            _put(fields, "messageCount", _count(row.total_interactions))
        return fields

    def _put_labels(self, fields: Fields, *, is_thread: bool) -> None:
        if "labels" not in self.changed:
            return
        labels: list[str] = self._row.labels
        as_objects = self._label_objects(labels)
        if is_thread or "labels" in fields:
            before = fields.get("labels")
            had_objects = isinstance(before, list) and before != [] and _are_objects(cast("list[Value]", before))
            fields["labels"] = as_objects if had_objects else labels
        if not is_thread:
            fields["whapiLabels"] = as_objects
            fields["label"] = labels[0] if labels else _NO_LABEL

    def _put_times(self, fields: Fields, *, is_thread: bool) -> None:
        row = self._row
        if "last_interaction" in self.changed:
            _put(fields, "lastActivity" if is_thread else "lastInteraction", _iso(row.last_interaction))
        if "first_interaction" in self.changed and not is_thread:
            _put(fields, "firstInteraction", _iso(row.first_interaction))
        if "created_at" in self.changed and (is_thread or "createdAt" in fields):
            fields["createdAt"] = _iso(row.created_at)
        if "first_interaction" in self.changed and is_thread and "createdAt" not in fields:
            _put(fields, "createdAt", _iso(row.first_interaction))

    def _made_thread(self, known: Fields) -> Fields:
        row = self._row
        made: Fields = dict(known) | {"threadId": row.thread_id, "userName": row.user_name or _NOBODY}
        made["createdAt"] = self._oldest()
        made["labels"] = list(row.labels)
        _put(made, "chatId", row.chat_id)
        _put(made, "lastActivity", _iso(row.last_interaction))
        _put(made, "name", row.contact_name)
        _put(made, "messageCount", _count(row.total_interactions))
        return made

    def _made_profile(self) -> Fields:
        row = self._row
        made: Fields = {"id": row.phone_number, "name": row.user_name, "phone": row.phone_number}
        made["label"] = row.labels[0] if row.labels else _NO_LABEL
        made["whapiLabels"] = self._label_objects(row.labels)
        made["firstInteraction"] = self._oldest()
        _put(made, "lastInteraction", _iso(row.last_interaction))
        return made

    def _oldest(self) -> str | None:
        row = self._row
        return _iso(min(row.created_at, row.first_interaction or row.created_at))

    def _label_objects(self, labels: Iterable[str]) -> list[Value]:
        """Return labels as the gateway's objects, with the id and colour that any kept record knows."""
        known: dict[str, Fields] = {}
        for each in self._kept:
            for member in ("labels", "whapiLabels"):
                for label in _objects(each.fields.get(member)):
                    name = composed_text(label.get("name"))
                    if name is not None and _richness(label) > _richness(known.get(name, {})):
                        known[name] = label
        return [known.get(label, {"name": label}) for label in labels]


def _newest_of(kept: list[KeptRecord], source: str) -> Fields | None:
    """Return the newest record of a source, with what only the records under other spellings of the key have.

    Of several records under one spelling the newest counts alone: what it lacks was removed.
    """
    newest: dict[tuple[str, int], Record] = {}
    records = [(each.written, *_copy(each), _as_record(each)) for each in kept if each.source == source]
    for written, number, _, record in sorted(records, key=lambda each: record_order(each[-1])):
        newest[written, number] = record
    return _merged(sorted(newest.values(), key=record_order)) if newest else None


def _merged(oldest_first: list[Record]) -> Fields:
    merged: Fields = {}
    for record in oldest_first:
        merged.update(record.fields)
    newest = oldest_first[-1]
    if record_order(replace(newest, fields=merged)) < record_order(newest):
        # With an older record's last activity the newer one would pass for old.
        return {member: value for member, value in merged.items() if member in newest.fields or member not in TIMES}
    return merged


def _copy(kept: KeptRecord) -> tuple[int, bool]:
    """Return which record of its file it was under its key, and whether it came with a later import."""
    number, later = 1, False
    for part in kept.copy.split("#") if kept.copy else []:
        if part.isdigit() and len(part) <= _LONGEST_NUMBER:
            number = int(part)
        else:
            later = True
    return number, later


def _as_record(kept: KeptRecord) -> Record:
    number, later = _copy(kept)
    # Of records of one time: the one of a later import, then the one under the plain number, as an export writes it.
    index = number + (_CAME_LATER if later else 0) + (_IS_PLAIN if kept.written.isdigit() else 0)
    # Of a backup only that is kept which no newer record says, often not its time: it is not to pass for newer.
    return Record(kept.source, "", None, index, "", kept.written, kept.fields)


def _put(fields: Fields, member: str, value: Value) -> None:
    if value is None:
        fields.pop(member, None)
    else:
        fields[member] = value


def _count(total: int) -> Value:
    return total or None


def _iso(time: datetime | None) -> str | None:
    """Return a time as the bot writes it, with microseconds where milliseconds would lose some."""
    if time is None:
        return None
    text = time.astimezone(UTC).isoformat(timespec="microseconds" if time.microsecond % 1000 else "milliseconds")
    return text.replace("+00:00", "Z")


def _objects(value: Value) -> list[Fields]:
    labels = cast("list[Value]", value) if isinstance(value, list) else []
    return [cast("Fields", label) for label in labels if isinstance(label, dict)]


def _are_objects(value: Value) -> bool:
    return (
        bool(value)
        and isinstance(value, list)
        and len(_objects(cast("Value", value))) == len(cast("list[Value]", value))
    )


def _richness(label: Fields) -> tuple[int, str]:
    """Order objects of one label: the one that knows more, and of equals always the same."""
    return len(label), repr(sorted(label.items(), key=str)) if label else ""


def _ordered(fields: Fields, order: Iterable[str]) -> Fields:
    rest = sorted(fields, key=lambda member: (len(member), member))
    return {member: fields[member] for member in (*order, *rest) if member in fields}
