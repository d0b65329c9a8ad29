"""Everything that can be done with guests, on a database or in a transaction."""

from __future__ import annotations

from guestsql.guests._async.archive import AsyncArchive
from guestsql.guests._async.booking import AsyncBooking
from guestsql.guests._async.campaigns import AsyncCampaigns
from guestsql.guests._async.consent import AsyncConsents
from guestsql.guests._async.contexts import AsyncContexts
from guestsql.guests._async.ids import AsyncIds
from guestsql.guests._async.messages import AsyncMessages
from guestsql.guests._async.next_actions import AsyncNextActions
from guestsql.guests._async.outbox import AsyncOutbox
from guestsql.guests._async.people import AsyncPeople
from guestsql.guests._async.privacy import AsyncPrivacy
from guestsql.guests._async.profiles import AsyncProfiles
from guestsql.guests._async.threads import AsyncThreads

__all__ = ["AsyncGuests"]


class AsyncGuests(
    AsyncContexts,
    AsyncProfiles,
    AsyncThreads,
    AsyncMessages,
    AsyncOutbox,
    AsyncIds,
    AsyncBooking,
    AsyncCampaigns,
    AsyncNextActions,
    AsyncConsents,
    AsyncPeople,
    AsyncArchive,
    AsyncPrivacy,
):
    """The methods of `AsyncGuestDatabase` and of its transactions. Each is written once, for both."""
