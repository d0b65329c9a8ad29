"""Migrations: series of plain SQL files, each applied once and in order, however many runners start at once."""

from guestsql.migrate.compare import Problem, State, Status
from guestsql.migrate.execution import Applied
from guestsql.migrate.files import OWN, PACKAGED, Migration, default_directory, new_migration, read_migrations
from guestsql.migrate.runner import Runner
from guestsql.migrate.series import Series, available_series, configured_migrations, configured_series, read_series
from guestsql.migrate.session import RetryPolicy

__all__ = [
    "OWN",
    "PACKAGED",
    "Applied",
    "Migration",
    "Problem",
    "RetryPolicy",
    "Runner",
    "Series",
    "State",
    "Status",
    "available_series",
    "configured_migrations",
    "configured_series",
    "default_directory",
    "new_migration",
    "read_migrations",
    "read_series",
]
