"""A whole person: two merged into one, exported, erased, in every table and in what is buffered here."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from guestsql.errors import InvalidUserId
from guestsql.guests._async.archive import return_archived
from guestsql.guests._async.erasing import AsyncErasure
from guestsql.guests._async.marked import check_absent, check_ids, given, lock_ids, write
from guestsql.guests._async.session import AsyncSession
from guestsql.guests.export import exported_row
from guestsql.guests.ids import archived_keys, is_guest, key_of
from guestsql.guests.models import GuestProfile
from guestsql.guests.rows import profile_from
from guestsql.guests.spellings import spellings
from guestsql.sql import Operator, Query
from guestsql.sql._async.transaction import AsyncTransactionSession
from guestsql.sql.hooks import subject_of
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["AsyncPeople"]


class AsyncPeople(AsyncSession):
    """The methods for everything that is stored about a person.

    Each is one transaction, which runs the queries marked with the method's name (docs/own-tables.md).
    """

    async def merge_guests(self, keep: str, duplicate: str) -> GuestProfile:
        """Merge a duplicate guest into the one that is kept, and delete the duplicate; may be repeated.

        Every id of the duplicate leads to the kept guest from then on, also the given one if it was unknown. Message
        counts are added, including messages that any process still has buffered; labels are appended; of two threads,
        the one of the guest who wrote last is kept, and all others stay in `get_threads`; memory is off if it was off
        for either. In everything else the values of `keep` win, and the duplicate's other values are kept under
        `profile_data["merged"]`. Custom tables follow through their queries marked `-- on: merge_guests`.

        Args:
            keep: any id of the guest to keep; created if unknown.
            duplicate: any id of the guest to delete. If it is an id of the same guest already, nothing changes.

        Returns:
            The profile of the kept guest.

        Raises:
            InvalidUserId: one cannot be a guest's, or both are the same id.
            ConstraintViolation: a custom table refers to the duplicate, and no query moves its rows; nothing is merged.

        SQL: queries/people.sql
        """
        keep, duplicate = self._key(keep), self._key(duplicate)
        if keep == duplicate:
            raise InvalidUserId("both ids are the same guest's", hint="pass two different guests")
        row, moved = None, dict[str, int]()
        while row is None:  # again when another process has removed the guest who stays between two attempts
            queries, operation_id = self._marked("merge_guests"), new_operation_id()
            merge = partial(
                _merge,
                queries=queries,
                returning=self._marked("return_guest"),
                keep=keep,
                duplicate=duplicate,
                operation_id=operation_id,
            )
            row, moved = await self._with_ids_locked(merge)
        merged = partial(event, logging.INFO, "GUESTS_MERGED", "guests merged", guest=row.phone_number, rows=moved)
        self._after_commit(merged)
        return profile_from(row)

    async def export_guest(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return everything that is stored about a person, as of one moment.

        Messages that are still buffered are not included: call `flush` first. Rejected records of the old bot's files
        are not included either: docs/legacy-rejects.md.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            Rows by table, as JSON has them: times are ISO 8601 text. For each query marked `-- on: export_guest` the
            key is its name without the verb. Empty lists for an unknown guest.

        SQL: queries/people.sql
        """
        export = partial(_export, queries=self._marked("export_guest"), user_id=self._key(user_id))
        return await self._in_transaction(export, isolation="repeatable read", writes=False)

    async def forget_guest(self, user_id: str) -> dict[str, int]:
        """Erase a person from every table that holds guests, and from what is buffered here.

        A guest who writes again becomes a new guest, as does one whose messages another process still has buffered. A
        hash of each id stays, made with `GUESTSQL_ERASURE_KEY`, so that an import of the old bot's files skips the
        guest's records. Rejected records stay too: docs/legacy-rejects.md. With `GUESTSQL_ERASURE_LOG` the hashes are
        appended to that file before the erasure is committed, for the restore of an older dump: docs/privacy.md.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            Rows erased, by table. For each query marked `-- on: forget_guest` the key is its name without the verb.
            All 0 for an unknown guest, or for one that an earlier call erased although it reported a failure.

        Raises:
            ConstraintViolation: a custom table refers to the guest, and no query erases its rows; nothing is erased.
            SettingsError: `GUESTSQL_ERASURE_LOG` cannot be written; nothing is erased.

        SQL: queries/people.sql
        """
        user = self._key(user_id)
        async with self._no_flush():
            erasure = AsyncErasure(self._marked("forget_guest"), user, new_operation_id(), self._settings)
            erased = await self._with_ids_locked(erasure.run)
            # An unknown guest's messages may be buffered here under another spelling.
            ids = erasure.ids | {user} if erasure.ids else set(spellings(user))
            self._after_commit(partial(self._pending.drop, ids))
        self._after_commit(partial(event, logging.INFO, "GUEST_FORGOTTEN", "guest erased", guest=user))
        return erased


async def _merge(
    tx: AsyncTransactionSession,
    *,
    queries: list[Query],
    returning: list[Query],
    keep: str,
    duplicate: str,
    operation_id: str,
) -> tuple[Any, dict[str, int]]:
    """Return the profile of the guest who stayed, and the rows written; none when the operation is done already."""
    moved: dict[str, int] = {}
    claimed = await tx.call("claim_operation", {"operation_id": operation_id})
    if claimed.is_new:
        known = await lock_ids(tx, [keep, duplicate])
        await return_archived(tx, returning, archived_keys(known))
        key, other = key_of(keep, known), key_of(duplicate, known)
        if not is_guest(keep, known):
            await tx.call("create_guest", {"phone_number": key})
        if other == key and not await tx.call("lock_guests", {"phone_numbers": [duplicate]}):
            other = duplicate  # the guest's already; another table may have rows under it
        if other != key:
            moved = await write(tx, queries, keep=key, duplicate=other, operation_id=operation_id)
            if not is_guest(duplicate, known):
                await check_absent(tx, other, moved)
            await check_ids(tx, [keep, duplicate], key)
    return await tx.call("get_profile", {"phone_number": keep}), moved


async def _export(
    tx: AsyncTransactionSession, *, queries: list[Query], user_id: str
) -> dict[str, list[dict[str, Any]]]:
    key = key_of(user_id, {row.id: row for row in await tx.call("list_known_ids", {"ids": [user_id]})})
    stored: dict[str, list[dict[str, Any]]] = {}
    for query in queries:
        found = await tx.call(query.name, given(query, phone_number=key))
        rows = found if query.operator is Operator.ROWS else [] if found is None else [found]
        stored.setdefault(subject_of(query), []).extend(map(exported_row, rows))
    return dict(sorted(stored.items()))
