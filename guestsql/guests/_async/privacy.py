"""What stays of erasures: certificates, and their repetition after the restore of an older dump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from guestsql.errors import SettingsError
from guestsql.guests._async.erasing import AsyncErasure
from guestsql.guests._async.session import AsyncSession
from guestsql.guests.erasure_log import ErasureLog, LoggedErasure
from guestsql.guests.erasure_replay import ErasureIndex, Match, ReplayReport
from guestsql.guests.models import AppliedRule, ErasureCertificate
from guestsql.guests.spellings import spellings
from guestsql.sql.hooks import hooked_queries
from guestsql.sql.runtime import async_in_thread
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["AsyncPrivacy"]

_PAGE_IDS = 50_000
_BATCH = 1_000


class AsyncPrivacy(AsyncSession):
    """The methods for what stays of an erasure."""

    async def get_erasures(self, user_id: str) -> list[ErasureCertificate]:
        """Return what was erased of a person, and when.

        Args:
            user_id: any id that the person had; in another spelling, too.

        Returns:
            One for each call of `forget_guest`, the oldest first; empty for a person who was never erased.

        SQL: queries/internal/privacy.sql
        """
        salt = await self._call("get_erasure_salt")
        hashes = [
            each for spelled in spellings(self._key(user_id)) for each in self._erasure_key.candidates(spelled, salt)
        ]
        return [
            ErasureCertificate(
                erasure_id=row.erasure_id,
                erased_at=row.erased_at,
                recorded_at=row.recorded_at,
                reason=row.reason,
                is_keyed=row.key_id is not None,
                ids=row.ids,
                erased=row.erased_rows,
            )
            for row in await self._call("list_erasures", id_hashes=hashes)
        ]

    async def replay_erasures(self, log: Path | None = None, *, dry_run: bool = False) -> ReplayReport:
        """Erase again whom a restored dump has brought back; may be repeated.

        The log says who was erased, and when. A guest with one of these ids is erased if the guest became known, or got
        the id, before that. A guest who came back later is a new guest, and stays; so does an older guest who has the
        number now. The hashes and the records of the erasures that the dump does not have are restored, too. Run it
        before the bot and before an import.

        Args:
            log: the log of erasures; default `GUESTSQL_ERASURE_LOG`.
            dry_run: write nothing.

        Returns:
            What was done, or would be.

        Raises:
            SettingsError: there is no log, or it cannot be read.

        SQL: queries/internal/privacy.sql
        """
        path = log or self._settings.erasure_log
        if path is None:
            raise SettingsError("no log of erasures", hint="name the file, or set GUESTSQL_ERASURE_LOG")
        logged = await async_in_thread(ErasureLog(path).read)
        report = ReplayReport(len(logged.by_id), unreadable=logged.unreadable, is_dry_run=dry_run)
        index = ErasureIndex(logged, self._erasure_key, await self._call("get_erasure_salt"))
        report.unknown_keys = index.unknown_keys
        report.restored = await self._restore(logged.by_id.values(), dry_run=dry_run)
        found = await self._find(index)
        for keys in _batches(sorted(found)):
            for row in await self._call("list_known_since", phone_numbers=keys):
                # One that does not spare the guest, if there is any; of several the latest erasure.
                match, guest = max(
                    ((match, match.replayed(row.phone_number, row.created_at)) for match in found[row.phone_number]),
                    key=lambda each: (not each[1].is_spared, each[0].until),
                )
                report.guests.append(guest)
                if not guest.is_spared and not dry_run:
                    await self._erase(match.user_id, reason="replay", erased_at=guest.erased_at)
        return report

    async def apply_retention(self, *, dry_run: bool = False) -> list[AppliedRule]:
        """Remove what is older than the rows of `retention_rules` allow; may be repeated.

        A bot does it once an hour, except for archived guests, whom only this erases, by `forget_guest`. Message texts
        are kept for the days of `GUESTSQL_KEEP_TEXT`, or fewer by their rule.

        Args:
            dry_run: remove nothing; count the rows.

        Returns:
            One for each kind of data, by name.

        SQL: queries/retention.sql
        """
        if dry_run:
            found = await self._call("list_expired_data", text_days=self._settings.keep_text_days)
            return [AppliedRule(kind=row.kind, keep_days=row.keep_days, rows=row.expired_rows) for row in found]
        return [
            AppliedRule(kind=rule.kind, keep_days=self._keep_days(rule), rows=await self._apply(rule))
            for rule in await self._call("list_retention_rules")
        ]

    def _keep_days(self, rule: Any) -> int | None:  # noqa: ANN401  a row of list_retention_rules
        days: int | None = rule.keep_days
        if rule.kind != "message_texts":
            return days
        return self._settings.keep_text_days if days is None else min(days, self._settings.keep_text_days)

    async def _apply(self, rule: Any) -> int:  # noqa: ANN401  a row of list_retention_rules
        if rule.kind == "archived_guests":
            return await self._forget_archived()
        parameters: dict[str, object] = {}
        if rule.query is None:
            parameters = {"kind": rule.kind}
        elif rule.kind == "message_texts":
            parameters = {"keep_days": self._settings.keep_text_days}
        removed = 0
        while rows := await self._call(rule.query or "thin_by_rules", **parameters):
            removed += rows
        return removed

    async def _forget_archived(self) -> int:
        erased = 0
        is_finished = False
        while not is_finished:
            is_finished = True  # unless one was erased: others may be left then
            for row in await self._call("list_expired_guests"):
                if await self._erase(row.id or row.phone_number, reason="retention"):
                    erased += 1
                    is_finished = False
        return erased

    async def _restore(self, erasures: Iterable[LoggedErasure], *, dry_run: bool) -> int:
        """Enter the erasures that the dump does not have; return how many."""
        by_id = {erasure.erasure_id: erasure for erasure in erasures}
        restored = 0
        for ids in _batches(list(by_id)):
            for row in await self._call("list_unknown_erasures", erasure_ids=ids):
                restored += 1
                if not dry_run:
                    for name, parameters in by_id[str(row.erasure_id)].parameters().items():
                        await self._call(name, **parameters)
        return restored

    async def _find(self, index: ErasureIndex) -> dict[str, list[Match]]:
        found: dict[str, list[Match]] = {}
        after = ""
        while True:
            rows = await self._call("list_keys_of_ids", after=after, max_rows=_PAGE_IDS)
            for guest, matches in index.find(rows).items():
                found.setdefault(guest, []).extend(matches)
            if len(rows) < _PAGE_IDS:
                return found
            after = rows[-1].id

    async def _erase(self, user_id: str, *, reason: str, erased_at: datetime | None = None) -> dict[str, int]:
        queries = hooked_queries(self._in_use.catalogue.values(), "forget_guest")
        erasure = AsyncErasure(queries, user_id, new_operation_id(), self._settings, reason=reason, erased_at=erased_at)
        async with self._no_flush():
            erased = await self._with_ids_locked(erasure.run)
            self._after_commit(partial(self._pending.drop, erasure.ids))
        return erased


def _batches(values: list[str]) -> Iterator[list[str]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))
