# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Messages: each is processed once, even if the process that began it is killed."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from time import monotonic
from uuid import UUID

from guestsql.errors import DatabaseError
from guestsql.guests._sync.session import Session
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.messages import Claim, Message
from guestsql.settings import Settings
from guestsql.sql._sync.executor import Executor
from guestsql.sql.attempts import Policy
from guestsql.sql.runtime import Ticker
from guestsql.telemetry.log import event, quietly

__all__ = ["MessageProcessor", "Messages"]

# A caller that was interrupted, or has lost the server, does not wait longer; the lease then expires.
_RELEASE_SECONDS = 1.0
_LEAST_RENEWAL_SECONDS = 1.0


class Messages(Session):
    """The method for messages."""

    @contextmanager
    def message(
        self,
        message_id: str,
        user_id: str,
        *,
        at: datetime | None = None,
        chat_id: str | None = None,
        text: str | None = None,
        gateway: str | None = None,
    ) -> Generator[Message]:
        """Process a message once, however often it is delivered, and store its effects together.

        For the first call `message.is_new` is true. For a repeated one it is false, and `message.state` and
        `message.since` say whether the message is done or in progress elsewhere. When the block of a new message ends,
        one statement stores the interaction, `chat_id`, the tokens and the replies. If the block raises, nothing is
        stored, and the message can be claimed again at once. If the process is killed, the message can be claimed again
        when its lease ends, after `GUESTSQL_LEASE_SECONDS` (8). The gateway's next delivery does that: answer a
        delivery after its block, and with an error if the message is in progress elsewhere.

        No connection and no transaction is held during the block. A thread or a task renews the lease meanwhile. If the
        process is stopped, or its event loop blocked, for longer than the lease, another caller may claim the message.
        The end of the block then raises `LeaseLost` and stores nothing.

        If the whole text is an opt-out word such as `STOP` or `BAJA`, the guest's consent to every purpose on this
        channel is withdrawn before the block begins, once, and `message.is_opt_out` is true: docs/consent.md.

        A message is not new either if its guest was erased after `at`, or if it was processed before its guest was
        erased.

        Args:
            message_id: the gateway's id of the message, 1 to 500 characters. A repeat is recognised for 30 days.
            user_id: any id of the guest; a repeat may have another one.
            at: the message's own time, a datetime with a zone; default now, by the server's clock.
            chat_id: the chat in which the guest wrote, perhaps a group; None keeps the stored one.
            text: what the guest wrote; it is stored only if `GUESTSQL_KEEP_TEXT` is set. Without it no opt-out word can
                be found.
            gateway: the service that delivers the messages, 1 to 100 characters; message ids are unique within it.
                Default `whatsapp`.

        Returns:
            A context manager that returns the `Message`.

        Raises:
            InvalidValue: a value cannot be stored.
            TransactionError: it is called in a transaction, whose rows would stay locked during the block.
            LeaseLost: another caller has claimed the message, or its guest was erased; nothing was stored.
            MessageError: the block was left in a forked child.
            OutcomeUnknown: the answer to the last statement was lost. The next delivery shows what became of it.
            DatabaseError: the message could not be claimed, or its effects could not be stored.
            Exception: whatever the block raises.

        SQL: queries/internal/messages.sql
        """
        claim = Claim(message_id, self._key(user_id), gateway=gateway, at=at, chat_id=chat_id, text=text)
        self._ready()
        with self._messages.process(claim) as message:
            yield message


class MessageProcessor:
    """Claims messages, renews their leases, and completes them.

    SQL: queries/internal/messages.sql

    Args:
        executor: runs the queries.
        settings: for the lease, and whether texts are kept.
    """

    def __init__(self, executor: Executor, settings: Settings) -> None:
        self._executor = executor
        self._lease_seconds = settings.lease_seconds
        self._erasure_key = ErasureKey(settings.erasure_key)
        self._keeps_text = settings.keep_text_days > 0
        self._running: dict[UUID, Claim] = {}
        self._renewal_seconds = settings.lease_seconds / 3
        self._ticker = Ticker(self._renewal_seconds, self._renew)
        self._is_failing = False

    @contextmanager
    def process(self, claim: Claim) -> Generator[Message]:
        """Claim a message, and complete it when the block ends.

        Args:
            claim: a new claim of it.

        Raises:
            LeaseLost: another caller has the message.
            DatabaseError: the server could not be asked, or refused it.
        """
        try:
            self._claim(claim)
            yield Message(claim)
            if claim.is_new:
                self._complete(claim)
        except BaseException as error:
            self._release(claim, error)
            raise
        finally:
            claim.has_ended = True
            self._running.pop(claim.lease, None)

    def stop(self) -> None:
        """Stop renewing leases."""
        self._ticker.stop()

    def _claim(self, claim: Claim) -> None:
        claim.may_hold_lease = True
        try:
            row = self._executor.call("claim_message", claim.claim_parameters(self._lease_seconds, self._erasure_key))
        except DatabaseError:
            claim.may_hold_lease = False
            raise
        claim.answer(row.state, row.since, is_opt_out=row.is_opt_out)
        if row.is_withdrawal:
            event(logging.INFO, "CONSENT_WITHDRAWN", "a message withdrew the consent", guest=claim.key)
        if claim.is_new:
            self._running[claim.lease] = claim
            self._ticker.start()
        else:
            event(logging.INFO, "MESSAGE_REPEATED", "a message was delivered again", guest=claim.key, state=row.state)

    def _complete(self, claim: Claim) -> None:
        claim.check_usable()
        parameters = claim.complete_parameters(self._erasure_key, keeps_text=self._keeps_text)
        if self._executor.call("complete_message", parameters, policy=Policy.ONCE) is None:
            raise claim.lost()
        claim.may_hold_lease = False
        event(logging.INFO, "MESSAGE_DONE", "a message was processed", guest=claim.key)

    def _release(self, claim: Claim, error: BaseException) -> None:
        """Let another caller claim the message at once. If that fails, the first error is the one to report."""
        if claim.is_lost:
            event(logging.WARNING, "MESSAGE_LEASE_LOST", "the block took longer than the lease", guest=claim.key)
        if not claim.may_hold_lease or claim.is_forked:
            return
        claim.may_hold_lease = False
        is_brief = isinstance(error, DatabaseError) or not isinstance(error, Exception)
        until = self._executor.deadline()
        if is_brief:
            until = min(until, monotonic() + _RELEASE_SECONDS)
        try:
            self._executor.call("release_message", claim.lease_parameters(), deadline=until)
        except DatabaseError as failure:
            event(
                logging.WARNING,
                "MESSAGE_LEASE_KEPT",
                "the lease will run out by itself",
                guest=claim.key,
                sqlstate=failure.sqlstate,
            )

    def _renew(self) -> None:
        """Renew the leases of all messages in progress here; report a failure when it begins."""
        claims = list(self._running.values())
        if not claims:
            return
        parameters = {
            "gateways": [claim.gateway for claim in claims],
            "message_ids": [claim.message_id for claim in claims],
            "leases": [claim.lease for claim in claims],
            "lease_seconds": self._lease_seconds,
        }
        until = min(self._executor.deadline(), monotonic() + max(self._renewal_seconds, _LEAST_RENEWAL_SECONDS))
        try:
            with quietly() if self._is_failing else nullcontext():
                lost = self._executor.call("renew_messages", parameters, deadline=until)
        except Exception as error:  # noqa: BLE001  the timer must outlive it; a lease that runs out is noticed at the end
            if not self._is_failing:
                why = error.message if isinstance(error, DatabaseError) else repr(error)
                event(logging.WARNING, "MESSAGE_RENEWAL_FAILED", f"leases could not be renewed: {why}")
            self._is_failing = True
            return
        self._is_failing = False
        for row in lost:
            claim = self._running.get(row.lease)
            if claim is not None:
                claim.is_lost = True
