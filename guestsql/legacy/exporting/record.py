"""One row as the two records that the old bot would have of the guest.

The guest's kept records are written unchanged as long as importing them would give the same row. Otherwise the row
counts: every member that disagrees is rewritten, in each record of the guest, and everything without a column stays as
it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, cast

from guestsql.errors import InvalidUserId
from guestsql.guests.identity import canonical_user_id
from guestsql.legacy.verifying.expected import Record, expect, record_order
from guestsql.legacy.verifying.kept import read_kept
from guestsql.legacy.verifying.values import Value, composed_text, read_time

__all__ = ["GuestExport"]

Fields = dict[str, Value]

_THREADS = "threads"
_PROFILES = "guest_profiles"
_BACKUPS = "backups"
# What the files can contain. The row's creation is not among it: createdAt is the first message.
_COLUMNS = (
    "chat_id",
    "thread_id",
    "user_name",
    "contact_name",
    "labels",
    "first_interaction",
    "last_interaction",
    "total_interactions",
)
_THREAD_ORDER = ("threadId", "chatId", "userName", "createdAt", "lastActivity", "name", "labels")
_PROFILE_ORDER = ("id", "name", "phone", "label", "whapiLabels", "firstInteraction", "lastInteraction")
_FIRST = ("createdAt", "firstInteraction")
_LAST = ("lastActivity", "lastInteraction")
# The members that the columns come from.
_READ = frozenset({*_THREAD_ORDER, *_PROFILE_ORDER, "messageCount", "lastThread", "whatsappName"} - {"id", "phone"})
_NOBODY = "Usuario"
_NO_LABEL = "nuevo"
_NEW_THREAD: Fields = {"threadId": None, "userName": _NOBODY, "labels": []}
_NEW_PROFILE: Fields = {"name": None, "label": _NO_LABEL, "whapiLabels": []}


class GuestExport:
    """The records of one guest for the old bot's files.

    Args:
        row: of the query `list_guests_to_export`.

    Attributes:
        thread: the record for `threads.json`; None for a guest whom only `guest_profiles.json` had, unchanged.
        profile: the record for `guest_profiles.json`; None for a guest who was imported without one.
        is_new: created since the import, or known from backups only.
        is_changed: not new, and the records differ from the imported ones.
    """

    def __init__(self, row: Any) -> None:  # noqa: ANN401  psycopg's named tuple
        self._row = row
        self._kept = read_kept(row.legacy)
        thread, profile = self._newest_of(_THREADS), self._newest_of(_PROFILES)
        self.is_new = thread is None and profile is None
        self.is_changed = not self.is_new and not self._are_true(thread, profile)
        if self.is_new or self.is_changed:
            if thread is None:
                thread = _NEW_THREAD | (self._newest_of(_BACKUPS) or {})
            if profile is None and self.is_new:
                profile = self._newest_of(_BACKUPS, of_threads=False)
            if not self._kept:
                profile = _NEW_PROFILE | {"id": row.phone_number, "phone": row.phone_number}
            thread = self._true_thread(thread)
            profile = None if profile is None else self._true_profile(profile)
        self.thread = thread and _ordered(thread, _THREAD_ORDER)
        self.profile = profile and _ordered(profile, _PROFILE_ORDER)

    def _newest_of(self, source: str, *, of_threads: bool = True) -> Fields | None:
        """Return the newest record of a source, with members that have no column from records under other spellings.

        Of several records under one spelling only the newest counts: what it lacks was removed.
        """
        newest: dict[tuple[str, int], Record] = {}
        for each in (each for each in self._kept if each.source == source):
            place, record = (each.written, each.copy[0]), each.as_record(self._row.phone_number)
            if source == _BACKUPS and record.is_of_threads != of_threads:
                continue
            newest[place] = max(newest.get(place, record), record, key=self._order)
        if not newest:
            return None
        oldest_first = [record.fields for record in sorted(newest.values(), key=self._order)]
        unread = {member: value for fields in oldest_first for member, value in fields.items() if member not in _READ}
        return unread | oldest_first[-1]

    def _order(self, record: Record) -> tuple[object, ...]:
        at, *rest = record_order(record)
        # A record created after the last message is no newer than an export of the guest.
        latest = self._row.last_interaction or self._row.first_interaction or at
        return min(at, latest), *rest

    def _are_true(self, thread: Fields | None, profile: Fields | None) -> bool:
        """Whether importing these records would give this row."""
        given = ((_THREADS, thread), (_PROFILES, profile))
        records = [_record(source, fields) for source, fields in given if fields is not None]
        is_same = all(value == getattr(self._row, column) for column, value in self._said(records).items())
        return is_same and not self._others_ids(profile or {})

    def _others_ids(self, profile: Fields) -> list[str]:
        """Return the members that name another guest: a merged guest may have them from the duplicate."""
        return [member for member in ("id", "phone") if _is_other(profile.get(member), self._row.phone_number)]

    def _said(self, records: list[Record]) -> dict[str, object]:
        columns = expect(self._row.phone_number, records).columns
        said = {column: columns[column].value for column in _COLUMNS}
        return said | {"labels": said["labels"] or []}

    def _true_thread(self, kept: Fields) -> Fields:
        row, fields = self._row, dict(kept)
        different = self._different(_THREADS, fields)
        if "thread_id" in different:
            fields.pop("lastThread", None)
            fields["threadId"] = row.thread_id
        if "user_name" in different:
            fields.pop("whatsappName", None)
            fields["userName"] = row.user_name or _NOBODY
        if "chat_id" in different:
            _put(fields, "chatId", row.chat_id)
        if "contact_name" in different:
            _put(fields, "name", row.contact_name)
        if "labels" in different:
            fields["labels"] = self._labels_as(fields.get("labels"))
        if "total_interactions" in different:
            _put(fields, "messageCount", row.total_interactions or None)
        self._put_times(fields, _THREADS)
        return fields

    def _true_profile(self, kept: Fields) -> Fields:
        row, fields = self._row, dict(kept)
        different = self._different(_PROFILES, fields)
        # These belong to the record in threads.json.
        thread_members = {"thread_id": "threadId", "chat_id": "chatId", "total_interactions": "messageCount"}
        for column, member in thread_members.items():
            if column in different:
                fields.pop(member, None)
        if "thread_id" in different:
            fields.pop("lastThread", None)
        if "user_name" in different:
            fields.pop("whatsappName", None)
            fields["name"] = row.user_name
            if "userName" in fields:
                fields["userName"] = row.user_name or _NOBODY
        if "labels" in different:
            if "labels" in fields:
                fields["labels"] = self._labels_as(fields["labels"])
            fields["whapiLabels"] = self._label_objects()
            fields["label"] = row.labels[0] if row.labels else _NO_LABEL
        fields |= dict.fromkeys(self._others_ids(fields), row.phone_number)
        self._put_times(fields, _PROFILES)
        return fields

    def _different(self, source: str, fields: Fields) -> set[str]:
        said = self._said([_record(source, fields)])
        return {column for column, value in said.items() if value != getattr(self._row, column)}

    def _put_times(self, fields: Fields, source: str) -> None:
        first, last = self._row.first_interaction, self._row.last_interaction
        _put_time(fields, _LAST if source == _THREADS else _LAST[::-1], max, last)
        _put_time(fields, _FIRST if source == _THREADS else _FIRST[::-1], min, first)

    def _labels_as(self, before: Value) -> list[Value]:
        """Return the labels as objects if they were objects before, else as names."""
        given = cast("list[Value]", before) if isinstance(before, list) else []
        has_objects = bool(given) and len(_objects(given)) == len(given)
        return self._label_objects() if has_objects else list(self._row.labels)

    def _label_objects(self) -> list[Value]:
        """Return the labels as the gateway's objects, with the id and colour of any kept record."""
        known: dict[str, Fields] = {}
        for each in self._kept:
            for member in ("labels", "whapiLabels"):
                for label in _objects(each.fields.get(member)):
                    name = composed_text(label.get("name"))
                    if name is not None and _richness(label) > _richness(known.get(name, {})):
                        known[name] = label
        return [known.get(label, {"name": label}) for label in self._row.labels]


def _record(source: str, fields: Fields) -> Record:
    return Record(source, "", None, 0, "", "", fields)


def _put(fields: Fields, member: str, value: Value) -> None:
    if value is None:
        fields.pop(member, None)
    else:
        fields[member] = value


def _put_time(
    fields: Fields, members: Sequence[str], pick: Callable[[datetime, datetime], datetime], time: datetime | None
) -> None:
    """Write a time to the first of the members, unless they give this time already."""
    said = [read for member in members if (read := read_time(fields.get(member)))]
    if (reduce(pick, said) if said else None) != time:
        for member in members:
            fields.pop(member, None)
        _put(fields, members[0], _iso(time))


def _iso(time: datetime | None) -> str | None:
    """Return a time as the bot writes it, with microseconds where milliseconds would lose some."""
    if time is None:
        return None
    text = time.astimezone(UTC).isoformat(timespec="microseconds" if time.microsecond % 1000 else "milliseconds")
    return text.replace("+00:00", "Z")


def _is_other(written: Value, phone_number: str) -> bool:
    try:
        return isinstance(written, str) and canonical_user_id(written) != phone_number
    except InvalidUserId:
        return False


def _objects(value: Value) -> list[Fields]:
    labels = cast("list[Value]", value) if isinstance(value, list) else []
    return [cast("Fields", label) for label in labels if isinstance(label, dict)]


def _richness(label: Fields) -> tuple[int, str]:
    """Order objects of one label: the one with more members, and a fixed order of equals."""
    return len(label), repr(sorted(label.items(), key=str)) if label else ""


def _ordered(fields: Fields, order: Iterable[str]) -> Fields:
    rest = sorted(fields, key=lambda member: (len(member), member))
    return {member: fields[member] for member in (*order, *rest) if member in fields}
