# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The methods for what is to be done next for a guest. `claim_actions` hands it out when it is due."""

from __future__ import annotations

from datetime import datetime

from guestsql.errors import ConstraintViolation, OutcomeUnknown
from guestsql.guests._sync.session import Session
from guestsql.guests.campaigns import NextAction, next_action_from, unknown_row
from guestsql.guests.consent import clean_word
from guestsql.guests.values import clean_id, clean_instant, clean_text
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["SyncNextActions"]


class SyncNextActions(Session):
    """The methods for next actions."""

    def set_next_action(
        self,
        user_id: str,
        due_at: datetime,
        *,
        purpose: str = "service",
        note: str | None = None,
        template: str | None = None,
        channel: str = "whatsapp",
        account: str = "whatsapp",
    ) -> NextAction:
        """Plan what is to be done next for a guest, or change it: a guest has one next action that is planned.

        Never twice, even if the connection is lost during the call and the action is claimed meanwhile.
        `claim_actions` hands it out when it is due, by the same rules as any action.

        Args:
            user_id: any spelling of a WhatsApp id.
            due_at: when, with a zone.
            purpose: what it is for; a row of contact_purposes.
            note: what it is about, not blank; None without a note.
            template: what is sent, 1 to 500 characters; None if the sender decides.
            channel: through which the guest is contacted.
            account: the account that sends; a row of contact_accounts.

        Returns:
            The next action.

        Raises:
            InvalidValue: an argument is unusable.
            ConstraintViolation: there is no such purpose or account.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline. The action may
                have been planned: call `get_next_action` before you repeat it.

        SQL: queries/internal/campaigns.sql
        """
        key = self._key(user_id)
        given: dict[str, object] = {
            "phone_number": key,
            "due_at": clean_instant(due_at),
            "template": None if template is None else clean_id(template, "template"),
            "purpose": clean_word(purpose, "purpose"),
            "channel": clean_word(channel, "channel"),
            "account": clean_word(account, "account"),
            "note": None if note is None else clean_text(note, "note", blank=False),
        }
        try:
            row = self._call_once("set_next_action", **given, operation_id=new_operation_id())
        except ConstraintViolation as error:
            raise unknown_row(error, given) from error
        if row is None:  # the answer to the first attempt was lost
            row = self._read_stored("get_latest_next_action", phone_number=key)
        if row is None:
            raise OutcomeUnknown(
                "the next action was planned, and is gone",
                query="set_next_action",
                hint="the guest was erased meanwhile",
            )
        return next_action_from(row)

    def get_next_action(self, user_id: str) -> NextAction | None:
        """Return the next action that is planned for a guest, or None.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The next action; None for an unknown guest, too.

        SQL: queries/internal/campaigns.sql
        """
        row = self._call("get_next_action", phone_number=self._key(user_id))
        return None if row is None else next_action_from(row)

    def cancel_next_action(self, user_id: str) -> bool:
        """Cancel the next action that is planned for a guest.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            True if there was one.

        SQL: queries/internal/campaigns.sql
        """
        return bool(self._call("cancel_next_action", phone_number=self._key(user_id)))
