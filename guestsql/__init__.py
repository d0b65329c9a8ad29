"""guestsql: named queries in plain .sql files as safe, typed methods, and a hotel's data layer built on them."""

from importlib import import_module
from typing import TYPE_CHECKING

from guestsql import errors
from guestsql.guests._sync.database import GuestDatabase
from guestsql.guests._sync.transaction import GuestTransaction
from guestsql.guests.campaigns import Campaign, CampaignPlan, ContactAction, NextAction, PlanFigure
from guestsql.guests.consent import Consent, ConsentEvent
from guestsql.guests.context_rows import CLOCK
from guestsql.guests.erasure_replay import ReplayedGuest, ReplayReport
from guestsql.guests.messages import Message
from guestsql.guests.models import (
    AppliedRule,
    BookingEvent,
    BookingStatus,
    ErasureCertificate,
    GuestNote,
    GuestProfile,
    GuestThread,
    Reply,
)
from guestsql.guests.values import CLEAR, RAISE
from guestsql.settings import Settings
from guestsql.sql._sync.database import Database, Transaction
from guestsql.telemetry.figures import Figures, QueryFigures

if TYPE_CHECKING:
    from guestsql.guests._async.database import AsyncGuestDatabase
    from guestsql.guests._async.transaction import AsyncGuestTransaction
    from guestsql.sql._async.database import AsyncDatabase, AsyncTransaction

__all__ = [
    "CLEAR",
    "CLOCK",
    "RAISE",
    "AppliedRule",
    "AsyncDatabase",
    "AsyncGuestDatabase",
    "AsyncGuestTransaction",
    "AsyncTransaction",
    "BookingEvent",
    "BookingStatus",
    "Campaign",
    "CampaignPlan",
    "Consent",
    "ConsentEvent",
    "ContactAction",
    "Database",
    "ErasureCertificate",
    "Figures",
    "GuestDatabase",
    "GuestNote",
    "GuestProfile",
    "GuestThread",
    "GuestTransaction",
    "Message",
    "NextAction",
    "PlanFigure",
    "QueryFigures",
    "ReplayReport",
    "ReplayedGuest",
    "Reply",
    "Settings",
    "Transaction",
    "errors",
]

# At their first use: a command, or a sync program, starts a fifth faster without them.
_ASYNC = {
    "AsyncDatabase": "guestsql.sql._async.database",
    "AsyncGuestDatabase": "guestsql.guests._async.database",
    "AsyncGuestTransaction": "guestsql.guests._async.transaction",
    "AsyncTransaction": "guestsql.sql._async.database",
}


def __getattr__(name: str) -> object:
    module = _ASYNC.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(module), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
