"""Runs the repeatable files once more: each must be able to run any number of times."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from guestsql.errors import MigrationError
from guestsql.migrate.execution import Execution
from guestsql.migrate.ledger import Ledger
from guestsql.migrate.series import Series, read_series
from guestsql.migrate.session import RetryPolicy, connect_within, locked
from guestsql.settings import Settings

__all__ = ["run_again"]


def run_again(settings: Settings, url: str, series: Sequence[Series]) -> None:
    """Run every repeatable file again, in a database in which all have run.

    Args:
        settings: for the time to connect.
        url: a direct address.
        series: the series of migrations.

    Raises:
        MigrationError: a file fails when it runs for the second time.
        DatabaseUnavailable: the connection was lost.
    """
    files = [each for each in read_series(series) if not each.version]
    if not files:
        return
    retry = RetryPolicy()
    with closing(connect_within(settings, url, 0.0)) as connection:
        ledger = Ledger(connection)
        with locked(connection, ledger, retry):
            execution = Execution(ledger, settings, url, retry)
            for migration in files:
                try:
                    execution.apply(migration)
                except MigrationError as error:
                    error.message = f"the second run of this repeatable file fails: {error.message}"
                    raise
