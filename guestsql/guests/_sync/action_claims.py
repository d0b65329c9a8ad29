# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Claims of actions: outside transactions, and rehearsed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from guestsql.guests.campaigns import ContactAction, contact_action_from
from guestsql.sql._sync.executor import Executor
from guestsql.telemetry.log import event

__all__ = ["SyncActionClaims"]

_MOST_CLAIMS = 50


class SyncActionClaims:
    """Claims actions outside transactions.

    SQL: queries/internal/campaigns.sql

    Args:
        executor: runs the queries.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def claim(self, parameters: Mapping[str, object]) -> list[ContactAction]:
        """Claim actions; again while all that were due were refused."""
        for _ in range(_MOST_CLAIMS):
            rows = self._executor.call("claim_actions", _with_lease(parameters))
            for row in rows:
                if row.lease is None:
                    event(logging.INFO, "ACTION_REFUSED", "an action was refused", guest=row.phone_number)
            claimed = _claimed(rows)
            if claimed or not rows:
                return claimed
        return []

    def rehearse(self, parameters: Mapping[str, object]) -> list[ContactAction]:
        """Return what a claim would return now; nothing of it stays."""
        claimed: list[ContactAction] = []
        with suppress(_RehearsedError):
            with self._executor.transaction() as tx:
                for _ in range(_MOST_CLAIMS):
                    rows = tx.call("claim_actions", _with_lease(parameters))
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
