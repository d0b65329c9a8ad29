# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Consent to being contacted: given, withdrawn, and proven later."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from guestsql.guests._sync.session import Session
from guestsql.guests.consent import (
    Consent,
    ConsentEvent,
    consents_from,
    events_from,
    given_parameters,
    withdrawn_parameters,
)
from guestsql.guests.spellings import spellings
from guestsql.telemetry.log import event
from guestsql.telemetry.write_buffer import new_operation_id

__all__ = ["SyncConsents"]


class SyncConsents(Session):
    """The methods for consent."""

    def give_consent(
        self,
        user_id: str,
        *,
        purpose: str,
        channel: str,
        wording: str,
        version: str,
        source: str,
        language: str | None = None,
        actor: str | None = None,
        at: datetime | None = None,
    ) -> list[Consent]:
        """Record that a guest agrees to be contacted, with what proves it; never twice for one call.

        The latest of all consents and withdrawals counts, by `at`. A consent that arrives late changes nothing if the
        guest withdrew after `at`, at the same time, or less than a second before: gateways state whole seconds.

        Args:
            user_id: any spelling of a WhatsApp id.
            purpose: what for, such as `marketing`: 1 to 50 lower-case letters, digits, `-` and `_`.
            channel: how the guest is contacted, such as `whatsapp`; likewise.
            wording: the exact text that the guest agreed to, 1 to 100,000 characters. Each text is stored once.
            version: of the wording, as the hotel counts them, 1 to 100 characters.
            source: where the guest agreed, such as `web` or `reception`: a word like the purpose, without a person or a
                number of 5 digits, because it stays after an erasure.
            language: of the wording, such as `es` or `es-CO`; None if unknown.
            actor: who recorded it, 1 to 500 characters; None if unknown. An erasure removes it.
            at: when the guest agreed, a datetime with a zone; default now, by the server's clock. A time in the future
                counts as now.

        Returns:
            The guest's consents after that. Empty, and nothing is recorded, if the guest was erased after `at`.

        Raises:
            InvalidValue: a value cannot be stored.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline.

        SQL: queries/internal/consent.sql
        """
        given = given_parameters(
            purpose=purpose,
            channel=channel,
            wording=wording,
            version=version,
            source=source,
            language=language,
            actor=actor,
            at=at,
        )
        return self._change_consent(user_id, "CONSENT_GIVEN", "consent given", given)

    def withdraw_consent(
        self,
        user_id: str,
        *,
        source: str,
        purpose: str | None = None,
        channel: str | None = None,
        actor: str | None = None,
        at: datetime | None = None,
    ) -> list[Consent]:
        """Record that a guest no longer agrees to be contacted; never twice for one call.

        A guest who has given no consent may withdraw it, too: that counts for purposes that need none. A later consent
        counts again.

        Args:
            user_id: any spelling of a WhatsApp id.
            source: where it was recorded, such as `gateway` or `reception`, as in `give_consent`.
            purpose: as in `give_consent`; default every purpose.
            channel: as in `give_consent`; default every channel.
            actor: who recorded it, 1 to 500 characters; None if unknown.
            at: when the guest said so, a datetime with a zone; default now, by the server's clock. A time in the future
                counts as now. State it if the event may be delivered late or again.

        Returns:
            The guest's consents after that. Empty, and nothing is recorded, if the guest was erased after `at`.

        Raises:
            InvalidValue: a value cannot be stored.
            OutcomeUnknown: the server could not be reached again, or did not answer, until the deadline. Repeat it: a
                second withdrawal does no harm.

        SQL: queries/internal/consent.sql
        """
        given = withdrawn_parameters(purpose=purpose, channel=channel, source=source, actor=actor, at=at)
        return self._change_consent(user_id, "CONSENT_WITHDRAWN", "consent withdrawn", given)

    def get_consents(self, user_id: str) -> list[Consent]:
        """Return what a guest agrees to now, and what the guest has withdrawn.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            One `Consent` for each purpose and channel, by name; empty if nothing was ever given or withdrawn.

        SQL: queries/consent.sql
        """
        return consents_from(self._call("list_guest_consents", phone_number=self._key(user_id)))

    def get_consent_proof(self, user_id: str) -> list[ConsentEvent]:
        """Return every consent and withdrawal of a guest with its proof, also from before an erasure.

        An erased guest is found by any id that the guest had, with the `GUESTSQL_ERASURE_KEY` of that time.

        Args:
            user_id: any spelling of a WhatsApp id.

        Returns:
            The events, in the order of their times.

        SQL: queries/internal/consent.sql
        """
        key = self._key(user_id)
        salt = self._call("get_erasure_salt")
        hashes = sorted({found for each in spellings(key) for found in self._erasure_key.candidates(each, salt)})
        return events_from(self._call("list_consent_proof", phone_number=key, id_hashes=hashes))

    def _change_consent(self, user_id: str, name: str, what: str, given: dict[str, object]) -> list[Consent]:
        key = self._key(user_id)
        rows = self._call_once(
            "change_consent",
            phone_number=key,
            keyed_hashes=self._erasure_key.keyed(key),
            operation_id=new_operation_id(),
            **given,
        )
        self._after_commit(partial(event, logging.INFO, name, what, guest=key))
        return consents_from(rows)
