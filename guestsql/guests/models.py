"""What the methods return, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

__all__ = [
    "AppliedRule",
    "BookingEvent",
    "BookingStatus",
    "ErasureCertificate",
    "GuestNote",
    "GuestProfile",
    "GuestThread",
    "Reply",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestProfile:
    """Everything stored about a guest. Times carry their zone.

    Attributes:
        phone_number: the guest's key, which never changes: the phone's digits, or an id without a phone. For the phone
            of today see `current_phone`.
        chat_id: the chat, perhaps a group, in which the guest last wrote; None if unknown.
        thread_id: the conversation's thread; None for a guest without one.
        user_name: the guest's own name on WhatsApp; None if unknown.
        contact_name: the name in the hotel's contacts; None if unknown.
        labels: in the order they were given, without duplicates.
        profile_data: whatever else is known, as JSON.
        first_interaction: when the guest first wrote; None for one who never did.
        last_interaction: when the guest last wrote; None for one who never did.
        total_interactions: messages counted, 0 or more.
        memory_enabled: False for a guest whose context must not be used.
        created_at: when the guest became known; from the old bot's files, the earliest time in them.
        updated_at: when anything but the context last changed, including counted messages; from the old bot's files,
            the latest time in them.
        current_phone: the digits of the phone under which the guest can be reached now; None if unknown.
        archived_at: when the guest was archived (`archive_guests`); None for an active guest.
    """

    phone_number: str
    chat_id: str | None
    thread_id: str | None
    user_name: str | None
    contact_name: str | None
    labels: list[str]
    profile_data: dict[str, Any]
    first_interaction: datetime | None
    last_interaction: datetime | None
    total_interactions: int
    memory_enabled: bool
    created_at: datetime
    updated_at: datetime
    current_phone: str | None = None
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestThread:
    """A guest's conversation thread.

    Attributes:
        phone_number: the guest's key.
        thread_id: None for a guest without a thread.
        token_count: tokens spent in this thread, 0 or more.
        created_at: when the thread became the guest's for the first time; None without a thread, and for a previous
            thread from the old bot's files.
        ended_at: when it ceased to be the guest's; None for the current thread, and for one from the old bot's files.
        reason: why it ended: `replaced` by another thread, `cleared`, `merged` (it was a duplicate's), or `imported`
            from the old bot's files; None for the current thread.
    """

    phone_number: str
    thread_id: str | None
    token_count: int
    created_at: datetime | None
    ended_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that this process has claimed in order to send it. Times are the server's.

    Attributes:
        reply_id: its number; of one guest's replies the lower one was queued first.
        phone_number: the guest's key.
        gateway: the service that delivers it.
        message_id: the message that it answers; None if it answers none.
        payload: what was queued.
        attempts: how often it was claimed, including this time: 1 or more.
        is_maybe_sent: True if an earlier claim ended without a mark: the reply may have been sent.
        last_error: why the last attempt that was marked as failed did; None if none was.
        created_at: when it was queued.
        lease_until: when another sender may claim it.
        lease: proves the claim to `reply_sent` and `reply_failed`.
    """

    reply_id: int
    phone_number: str
    gateway: str
    message_id: str | None
    payload: dict[str, Any]
    attempts: int
    is_maybe_sent: bool
    last_error: str | None
    created_at: datetime
    lease_until: datetime
    lease: UUID = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingStatus:
    """A guest's current booking status, and when the guest first and last had some. Times are None if it never was so.

    Attributes:
        phone_number: the guest's key.
        status: `interested`, `booked`, `inactive` or `lost`; None if no status is known.
        since: when the latest event occurred.
        first_interested_at: when the guest was first interested.
        first_booked_at: when the guest first booked.
        last_booked_at: when the guest last booked.
        last_quoted_at: the last event of status `interested` with a value: a quote.
    """

    phone_number: str
    status: str | None
    since: datetime | None
    first_interested_at: datetime | None
    first_booked_at: datetime | None
    last_booked_at: datetime | None
    last_quoted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingEvent:
    """A booking status that a guest had, or has. It is never changed: a correction is a new event.

    Attributes:
        event_id: its number; of two events with the same time the higher one counts.
        status: `interested`, `booked`, `inactive` or `lost`.
        occurred_at: when the guest got this status.
        recorded_at: when it was stored.
        source: who recorded it.
        note: None if there is none.
        value: of the booking or the quote; None if unknown.
        currency: the value's currency, three letters; None without a value.
    """

    event_id: int
    status: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    note: str | None
    value: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNote:
    """A note about a guest.

    Attributes:
        note_id: its number.
        kind: what it is; `note` unless its author chose another word, `import` for what came from an older database.
        author: who wrote it; None if unknown.
        note: the text.
        created_at: when it was stored.
    """

    note_id: int
    kind: str
    author: str | None
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRule:
    """What a row of `retention_rules` has removed, or would remove.

    Attributes:
        kind: of data.
        keep_days: for which they are kept; None for as long as the guest is not erased.
        rows: removed, or to be removed; partitions of messages count as one.
    """

    kind: str
    keep_days: int | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertificate:
    """What was erased of a person, and when; nothing personal.

    Attributes:
        erasure_id: the erasure's id, also in the log of erasures.
        erased_at: when the person was erased, by the server's clock.
        recorded_at: the same; for a replay, when that was done.
        reason: `request`, `replay` after the restore of an older dump, or `retention`.
        is_keyed: True if the ids were hashed with `GUESTSQL_ERASURE_KEY`, False with the database's salt.
        ids: how many ids led to the person.
        erased: rows erased, by table.
    """

    erasure_id: UUID
    erased_at: datetime
    recorded_at: datetime
    reason: str
    is_keyed: bool
    ids: int
    erased: dict[str, int]
