# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Everything that can be done with guests, on a database or in a transaction."""

from __future__ import annotations

from guestsql.guests._sync.archive import Archive
from guestsql.guests._sync.booking import Booking
from guestsql.guests._sync.campaigns import SyncCampaigns
from guestsql.guests._sync.consent import SyncConsents
from guestsql.guests._sync.contexts import Contexts
from guestsql.guests._sync.ids import SyncIds
from guestsql.guests._sync.messages import Messages
from guestsql.guests._sync.next_actions import SyncNextActions
from guestsql.guests._sync.outbox import Outbox
from guestsql.guests._sync.people import People
from guestsql.guests._sync.privacy import Privacy
from guestsql.guests._sync.profiles import Profiles
from guestsql.guests._sync.threads import Threads

__all__ = ["Guests"]


class Guests(
    Contexts,
    Profiles,
    Threads,
    Messages,
    Outbox,
    SyncIds,
    Booking,
    SyncCampaigns,
    SyncNextActions,
    SyncConsents,
    People,
    Archive,
    Privacy,
):
    """The methods of `AsyncGuestDatabase` and of its transactions. Each is written once, for both."""
