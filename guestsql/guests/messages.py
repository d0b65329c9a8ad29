"""A message while it is processed: what its block collects, and what is stored at its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID, uuid4

from guestsql.errors import InvalidValue, LeaseLost, MessageError
from guestsql.guests.erasure import ErasureKey
from guestsql.guests.identity import clean_chat_id
from guestsql.guests.values import clean_id, clean_instant, clean_json, clean_text, clean_tokens

__all__ = ["DEFAULT_GATEWAY", "Claim", "Message", "MessageState", "clean_gateway", "clean_message_id"]

MessageState = Literal["new", "done", "in progress", "erased"]

DEFAULT_GATEWAY = "whatsapp"
# An index has both this and an id.
_LONGEST_GATEWAY = 100
_SHOWN_CHARACTERS = 8
# As guestsql_is_opt_out of the migrations: a longer text is no opt-out word.
_LONGEST_OPT_OUT = 100
# The package's own operations have this source.
_RESERVED_GATEWAY = "guestsql"


def clean_message_id(message_id: object) -> str:
    """Return the id of a message.

    Args:
        message_id: 1 to 500 characters.

    Raises:
        InvalidValue: it is not a text, blank, or too long.
    """
    return clean_id(message_id, "message_id")


def clean_gateway(gateway: object) -> str:
    """Return the name of a gateway.

    Args:
        gateway: 1 to 100 characters, not `guestsql`; None for `whatsapp`.

    Raises:
        InvalidValue: it is not a text, blank, too long, or reserved.
    """
    name = DEFAULT_GATEWAY if gateway is None else clean_id(gateway, "gateway", _LONGEST_GATEWAY)
    if name == _RESERVED_GATEWAY:
        raise InvalidValue(f"the gateway {name} is reserved", hint="name the service that delivers the messages")
    return name


class Claim:
    """One caller's claim of a message: its lease, and what has been collected in its block.

    Args:
        message_id: the message's id, as the gateway gave it.
        key: an id of the guest.
        gateway: who delivered it; None for the default.
        at: its time, with a zone; None for now.
        chat_id: where the guest wrote; None if unknown.
        text: what the guest wrote; None to store none.

    Attributes:
        key: likewise.
        state: what the server answered to the claim; None before.
        since: when the message was done, or claimed by the caller who processes it.
        is_opt_out: True if the message is an opt-out word.
        may_hold_lease: False once the lease is known to be released, used or lost.
        is_lost: True once another caller is known to have the message.
        has_ended: True after the block.

    Raises:
        InvalidValue: one of them cannot be stored.
    """

    def __init__(
        self,
        message_id: object,
        key: str,
        *,
        gateway: object,
        at: datetime | None,
        chat_id: str | None,
        text: object,
    ) -> None:
        self.key = key
        self.message_id = clean_message_id(message_id)
        self.gateway = clean_gateway(gateway)
        self.lease: UUID = uuid4()
        self.state: MessageState | None = None
        self.since: datetime | None = None
        self.is_opt_out = False
        self.may_hold_lease = False
        self.is_lost = False
        self.has_ended = False
        self._sent_at = None if at is None else clean_instant(at)
        self._chat_id = None if chat_id is None else clean_chat_id(chat_id)
        self._text = None if text is None else clean_text(text, "text")
        self._tokens: dict[str, int] = {}
        self._replies: list[str] = []
        self._pid = os.getpid()

    @property
    def is_new(self) -> bool:
        """True if this caller processes the message."""
        return self.state == "new"

    @property
    def is_forked(self) -> bool:
        """True in a process that was forked inside the block: the message is the other process's."""
        return os.getpid() != self._pid

    def answer(self, state: str, since: datetime | None, *, is_opt_out: bool) -> None:
        """Store what the server answered to the claim."""
        self.state = cast("MessageState", state)
        self.since = since
        self.is_opt_out = is_opt_out
        self.may_hold_lease = self.is_new

    def lease_parameters(self) -> dict[str, object]:
        """Return the parameters of `release_message`."""
        return {"gateway": self.gateway, "message_id": self.message_id, "lease": self.lease}

    def claim_parameters(self, lease_seconds: float, erasure_key: ErasureKey) -> dict[str, object]:
        """Return the parameters of `claim_message`."""
        text = (self._text or "").strip()
        return self.lease_parameters() | {
            "phone_number": self.key,
            "sent_at": self._sent_at,
            "text": text if 0 < len(text) <= _LONGEST_OPT_OUT else None,
            "lease_seconds": lease_seconds,
            "keyed_hashes": erasure_key.keyed(self.key),
        }

    def complete_parameters(self, erasure_key: ErasureKey, *, keeps_text: bool) -> dict[str, object]:
        """Return the parameters of `complete_message`."""
        return self.lease_parameters() | {
            "phone_number": self.key,
            "sent_at": self._sent_at,
            "chat_id": self._chat_id,
            "text": self._text if keeps_text else None,
            "thread_ids": list(self._tokens),
            "thread_tokens": list(self._tokens.values()),
            "replies": list(self._replies),
            "keyed_hashes": erasure_key.keyed(self.key),
        }

    def add_tokens(self, thread_id: object, tokens: object) -> None:
        """Collect tokens; a thread that is used again is the last one used."""
        self.check_usable()
        thread = clean_id(thread_id, "thread_id")
        total = clean_tokens(self._tokens.get(thread, 0) + clean_tokens(tokens))
        self._tokens.pop(thread, None)
        self._tokens[thread] = total

    def add_reply(self, payload: object) -> None:
        """Collect a reply."""
        self.check_usable()
        self._replies.append(clean_json(payload, "the reply"))

    def check_usable(self) -> None:
        """Check that something can still be added.

        Raises:
            MessageError: the message is not new, its block has ended, or this is a forked child.
            LeaseLost: another caller has it.
        """
        if self.is_forked:
            raise MessageError(
                "this process was forked inside the block of a message",
                hint="end the block in the process that began it, and use os._exit in the child",
            )
        if self.has_ended:
            raise MessageError("the block of this message has ended", hint="use it inside its with block")
        if not self.is_new:
            raise MessageError(
                f"this message is not new: it is {self.state}", hint="check is_new before you process a message"
            )
        if self.is_lost:
            raise self.lost()

    def lost(self) -> LeaseLost:
        """Return the error of a block that comes too late."""
        self.is_lost = True
        self.may_hold_lease = False
        return LeaseLost(
            f"another caller has claimed the message {self.gateway} {_shortened(self.message_id)}, or its guest was "
            "erased: nothing was stored",
            hint="do not block the process or its event loop for longer than GUESTSQL_LEASE_SECONDS",
        )


class Message:
    """A message inside `with db.message(...) as message`.

    What is added inside the block is stored when the block ends, together with the interaction, or not at all.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    @property
    def is_new(self) -> bool:
        """True if this call processes the message; False for one that is delivered again."""
        return self._claim.is_new

    @property
    def state(self) -> MessageState:
        """`new`; else `done`, `in progress`, or `erased` with its guest."""
        return self._claim.state or "new"

    @property
    def since(self) -> datetime | None:
        """When the message was done, or since when it is in progress; None for one that was erased."""
        return self._claim.since

    @property
    def is_opt_out(self) -> bool:
        """True if the text is an opt-out word, also for a repeated delivery.

        The guest's consent to every purpose on this channel was then withdrawn before the block began, once: confirm
        it in a short reply. False if the guest was erased.
        """
        return self._claim.is_opt_out

    def tokens(self, thread_id: str, tokens: int) -> None:
        """Add tokens spent in a thread for this message; a thread that is unknown becomes the guest's.

        Args:
            thread_id: the thread in which they were spent, 1 to 500 characters.
            tokens: 0 or more; several calls for one thread add up.

        Raises:
            InvalidValue: the thread is blank, too long or not a string, or the tokens are not a whole number of 0 or
                more.
            MessageError: the message is not new, its block has ended, or this is a forked child.
            LeaseLost: another caller has claimed the message.
        """
        self._claim.add_tokens(thread_id, tokens)

    def reply(self, payload: Mapping[str, Any]) -> None:
        """Queue a reply to this message.

        Args:
            payload: what the sender needs, with a JSON form.

        Raises:
            InvalidValue: it has no JSON form.
            MessageError: the message is not new, its block has ended, or this is a forked child.
            LeaseLost: another caller has claimed the message.
        """
        self._claim.add_reply(payload)


def _shortened(message_id: str) -> str:
    """Return enough of an id to find it: the middle of some contains the guest's phone."""
    return message_id if len(message_id) <= _SHOWN_CHARACTERS else f"…{message_id[-_SHOWN_CHARACTERS:]}"
