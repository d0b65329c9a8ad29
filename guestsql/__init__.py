"""guestsql: PostgreSQL for a hotel's chat bot, every statement a named query in a plain .sql file."""

from guestsql import errors
from guestsql.guests._async.database import AsyncGuestDatabase
from guestsql.guests._sync.database import GuestDatabase
from guestsql.guests.context_rows import CLOCK
from guestsql.guests.models import GuestProfile, GuestThread
from guestsql.guests.values import CLEAR, RAISE
from guestsql.settings import Settings
from guestsql.telemetry.figures import Figures, QueryFigures

__all__ = [
    "CLEAR",
    "CLOCK",
    "RAISE",
    "AsyncGuestDatabase",
    "Figures",
    "GuestDatabase",
    "GuestProfile",
    "GuestThread",
    "QueryFigures",
    "Settings",
    "errors",
]
