"""Migrations: numbered plain SQL files, applied once each, in order, whatever happens meanwhile."""

from guestsql.migrate.compare import Problem, State, Status
from guestsql.migrate.execution import Applied
from guestsql.migrate.files import Migration, default_directory, new_migration, read_migrations
from guestsql.migrate.runner import Runner
from guestsql.migrate.session import Patience

__all__ = [
    "Applied",
    "Migration",
    "Patience",
    "Problem",
    "Runner",
    "State",
    "Status",
    "default_directory",
    "new_migration",
    "read_migrations",
]
