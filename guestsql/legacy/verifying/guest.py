"""One guest of the files compared with the guest's row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from guestsql.legacy.verifying.expected import Claim, Record, expect
from guestsql.legacy.verifying.kept import KeptRecord, read_kept
from guestsql.legacy.verifying.values import Number, Value

__all__ = ["Difference", "GuestCheck", "ImportTimes", "shown", "visible"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_SHOWN = 200
_KEPT = "profile_data.legacy"

# The bot changes these in one direction only: a value on the other side of the files' value is wrong, whenever written.
_ONLY_LATER = ("last_interaction", "total_interactions")
_ONLY_EARLIER = ("first_interaction", "created_at")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which a file and the database differ.

    Attributes:
        path: the file, relative to the folder.
        pointer: JSON pointer of the field, or of the record.
        column: the column, or `profile_data.legacy.<source>.<key>.<member>`; "" for the whole row.
        phone_number: the guest's key, "" when there is none.
        expected: the value in the files, as JSON text.
        found: the value in the database, as JSON text; "" for none.
        reason: what the difference means.
        is_explained: whether a later write of the bot explains it.
    """

    path: str
    pointer: str
    column: str
    phone_number: str
    expected: str
    found: str
    reason: str
    is_explained: bool = False


@dataclass(frozen=True, slots=True)
class ImportTimes:
    """When files were imported. The import stores its own time in place of a later one.

    Attributes:
        starts: when each import began.
        first: by file name, when exactly these bytes were first imported.
    """

    starts: frozenset[datetime] = frozenset()
    first: Mapping[str, datetime] = field(default_factory=dict[str, datetime])


class GuestCheck:
    """Compares one guest.

    Args:
        phone_number: the guest's key.
        records: the guest's records in the files, one or more.
        row: of the query `list_guests_to_verify`, None when there is no such guest.
        imports: when the files were imported.

    Attributes:
        fields: members that were compared.
        columns: columns that were compared.
    """

    def __init__(
        self,
        phone_number: str,
        records: list[Record],
        row: Any,  # noqa: ANN401  psycopg's named tuple
        imports: ImportTimes,
    ) -> None:
        self._phone_number = phone_number
        self._records = records
        self._row = row
        self._imports = imports
        self.fields = 0
        self.columns = 0

    def differences(self) -> Iterator[Difference]:
        """Yield the differences, explained or not."""
        if self._row is None:
            for record in self._records:
                yield self._difference(record, "", "", shown(record.fields), "", "no such guest in the database")
            return
        kept = read_kept(self._row.legacy)
        for record in self._records:
            self.fields += len(record.fields)
            if record.source == "backups":
                yield from self._compare_backup(record, kept)
            else:
                yield from self._compare_record(record, kept)
        yield from self._compare_columns(kept)

    def _compare_record(self, record: Record, kept: list[KeptRecord]) -> Iterator[Difference]:
        same_key = [each for each in kept if (each.source, each.written) == (record.source, record.key)]
        if any(each.fields == record.fields for each in same_key):
            return
        if not same_key:
            place = f"{_KEPT}.{record.source}.{record.key}"
            yield self._difference(record, "", place, shown(record.fields), "", "the record is not kept")
            return
        nearest = max(same_key, key=lambda each: sum(each.fields.get(n) == v for n, v in record.fields.items()))
        place = f"{_KEPT}.{record.source}.{nearest.key}"
        for member, value in record.fields.items():
            if member not in nearest.fields:
                yield self._difference(record, member, f"{place}.{member}", shown(value), "", "the member is not kept")
            elif nearest.fields[member] != value:
                found = shown(nearest.fields[member])
                yield self._difference(record, member, f"{place}.{member}", shown(value), found, "not as in the file")
        for member in nearest.fields.keys() - record.fields.keys():
            found = shown(nearest.fields[member])
            yield self._difference(record, member, f"{place}.{member}", "", found, "the file has no such member")

    def _compare_backup(self, record: Record, kept: list[KeptRecord]) -> Iterator[Difference]:
        """A backup keeps only what no other record has, so each member must be in some kept record."""
        for member, value in record.fields.items():
            if not any(member in each.fields and each.fields[member] == value for each in kept):
                place = f"{_KEPT}.backups"
                yield self._difference(record, member, place, shown(value), "", "no kept record has it")

    def _compare_columns(self, kept: list[KeptRecord]) -> Iterator[Difference]:
        expectation = expect(self._phone_number, self._records)
        row = self._row
        recorded = self._limited(expectation.recorded_at, row.updated_at)
        recorded_at = cast("datetime | None", recorded.value)
        for column, said in expectation.columns.items():
            self.columns += 1
            found = getattr(row, column)
            claim = self._limited(said, found)
            expected: object = [] if column == "labels" and claim.value is None else claim.value
            if found == expected or (column == "created_at" and expected is None):
                continue
            reason = self._explanation(column, claim, recorded_at) or self._others_say(column, kept)
            difference = self._difference(
                claim.record, claim.member, column, shown(expected), shown(found), reason or "differs from the files"
            )
            yield replace(difference, is_explained=bool(reason))
        if recorded_at is not None and row.updated_at < recorded_at:
            self.columns += 1
            yield self._difference(
                recorded.record,
                recorded.member,
                "updated_at",
                shown(recorded_at),
                shown(row.updated_at),
                "older than the newest record",
            )

    def _limited(self, claim: Claim, found: object) -> Claim:
        """Return a column's value with the time of the import in place of one in its future."""
        time, starts = claim.value, self._imports.starts
        first = self._imports.first.get(claim.record.file, self._row.read_at)
        if not isinstance(time, datetime) or time <= first or time == found or not starts:
            return claim
        # The row has the time of the import that wrote it; anything that the bot wrote since is later than all imports.
        used = found if isinstance(found, datetime) and found in starts and found < time else min(starts)
        return replace(claim, value=used, at=min(claim.at or used, used))

    def _explanation(self, column: str, claim: Claim, recorded_at: datetime | None) -> str:
        """Return why a column may differ, or ""."""
        row, found = self._row, getattr(self._row, column)
        if claim.value is not None and (column in _ONLY_LATER or column in _ONLY_EARLIER):
            is_earlier = found is not None and found < claim.value
            if found is None or is_earlier == (column in _ONLY_LATER):
                return ""
        # The import sets updated_at to the newest record's time; a record without a time leaves it as it is.
        if row.updated_at > (recorded_at or row.created_at):
            return f"written later, at {row.updated_at.isoformat()}"
        # A row with epoch 0 has not changed since the import inserted it. Any other may have existed before, and keeps
        # the values that no record has, or only an older one.
        is_older = claim.at is None or claim.at < row.updated_at
        says_nothing = claim.value is None or column in _ONLY_LATER or column in _ONLY_EARLIER or not claim.member
        if column == "thread_created_at" and found is not None:
            # Of two times of one thread the import keeps the earlier.
            says_nothing = says_nothing or found < claim.value
        if row.context_epoch > 0 and (is_older or says_nothing):
            return "the row existed before this import, and its own value takes precedence"
        return ""

    def _others_say(self, column: str, kept: list[KeptRecord]) -> str:
        """Return a reason if the records of all imports together give the column's value, else ""."""
        said = expect(self._phone_number, [each.as_record(self._phone_number) for each in kept]).columns if kept else {}
        agrees = column in said and said[column].value == getattr(self._row, column)
        return "it comes from the guest's records in other files, imported before" if agrees else ""

    def _difference(  # noqa: PLR0917  in the order of the report
        self, record: Record, member: str, column: str, expected: str, found: str, reason: str
    ) -> Difference:
        pointer = record.pointer + (f"/{member.replace('~', '~0').replace('/', '~1')}" if member else "")
        return Difference(
            visible(record.file),
            visible(pointer),
            visible(column),
            self._phone_number,
            expected,
            found,
            reason,
        )


def visible(text: str) -> str:
    """Return a text that any stream accepts: lone surrogates are escaped.

    Args:
        text: any text.
    """
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def shown(value: Value) -> str:
    """Return a value as JSON text of at most some 200 characters.

    Args:
        value: of a file, or of a row.
    """
    text = visible(json.dumps(value, ensure_ascii=False, default=_plain))
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else cast("Number", value).text
