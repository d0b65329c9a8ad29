"""Claims of actions: outside transactions, and rehearsed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from guestsql.guests.campaigns import ContactAction, contact_action_from
from guestsql.sql._async.executor import AsyncExecutor
from guestsql.telemetry.log import event

__all__ = ["AsyncActionClaims"]

_MOST_CLAIMS = 50


class AsyncActionClaims:
    """Claims actions outside transactions.

    SQL: queries/internal/campaigns.sql

    Args:
        executor: runs the queries.
    """

    def __init__(self, executor: AsyncExecutor) -> None:
        self._executor = executor

    async def claim(self, parameters: Mapping[str, object]) -> list[ContactAction]:
        """Claim actions; again while all that were due were refused."""
        for _ in range(_MOST_CLAIMS):
            rows = await self._executor.call("claim_actions", _with_lease(parameters))
            for row in rows:
                if row.lease is None:
                    event(logging.INFO, "ACTION_REFUSED", "an action was refused", guest=row.phone_number)
            claimed = _claimed(rows)
            if claimed or not rows:
                return claimed
        return []

    async def rehearse(self, parameters: Mapping[str, object]) -> list[ContactAction]:
        """Return what a claim would return now; nothing of it stays."""
        claimed: list[ContactAction] = []
        with suppress(_RehearsedError):
            async with self._executor.transaction() as tx:
                for _ in range(_MOST_CLAIMS):
                    rows = await tx.call("claim_actions", _with_lease(parameters))
                    claimed = _claimed(rows)
                    if claimed or not rows:
                        raise _RehearsedError
        return claimed


class _RehearsedError(Exception):
    """Rolls a rehearsal back."""


def _with_lease(parameters: Mapping[str, object]) -> dict[str, object]:
    return {**parameters, "lease": uuid4(), "moment": None}


def _claimed(rows: Sequence[Any]) -> list[ContactAction]:
    return [contact_action_from(row) for row in rows if row.lease is not None]
