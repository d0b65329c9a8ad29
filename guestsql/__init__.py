"""guestsql: named queries in plain .sql files as safe, typed methods, and a hotel's data layer built on them."""

from guestsql import errors
from guestsql.guests._async.database import AsyncGuestDatabase
from guestsql.guests._sync.database import GuestDatabase
from guestsql.guests.context_rows import CLOCK
from guestsql.guests.models import GuestProfile, GuestThread
from guestsql.guests.values import CLEAR, RAISE
from guestsql.settings import Settings
from guestsql.sql._async.database import AsyncDatabase
from guestsql.sql._sync.database import Database
from guestsql.telemetry.figures import Figures, QueryFigures

__all__ = [
    "CLEAR",
    "CLOCK",
    "RAISE",
    "AsyncDatabase",
    "AsyncGuestDatabase",
    "Database",
    "Figures",
    "GuestDatabase",
    "GuestProfile",
    "GuestThread",
    "QueryFigures",
    "Settings",
    "errors",
]
