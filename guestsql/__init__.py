"""guestsql: PostgreSQL for a hotel's chat bot, every statement a named query in a plain .sql file."""

from guestsql import errors
from guestsql._async.database import AsyncGuestDatabase
from guestsql._core.context_rows import CLOCK
from guestsql._core.figures import Figures, QueryFigures
from guestsql._core.values import CLEAR, RAISE
from guestsql._sync.database import GuestDatabase
from guestsql.models import GuestProfile, GuestThread
from guestsql.settings import Settings

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
