"""What the methods return: a guest's profile and thread, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

__all__ = ["GuestProfile", "GuestThread", "Reply"]


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
