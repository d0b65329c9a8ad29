"""The scratch database: empty, with the schema of the migrations; kept for the next check.

Its name holds a checksum of the migrations and of the role that owns it: it is made anew when a migration changes, and
two roles on one server have one each. Nothing is written to it by a check, and to no other database of its server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guestsql.migrate import Runner, Series, available_series, read_series
from guestsql.migrate.again import run_again
from guestsql.settings import Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.packaged import packaged_queries
from guestsql.sql.translate import translate

__all__ = ["scratch_database"]

_MARK = "guestsql check: made from the migrations; may be dropped at any time"
_SECONDS = 300.0


@contextmanager
def scratch_database(
    settings: Settings, url: str, series: Sequence[Series] | None = None
) -> Generator[DeadlineConnection]:
    """Make the scratch database when there is none of this schema, and connect to it.

    Args:
        settings: for the time to connect.
        url: a direct address on the server; nothing is read or written in its database. The role may create databases.
        series: the series of migrations; default those of the settings.

    Returns:
        A connection in autocommit, closed at the end.

    Raises:
        MigrationError: a migration cannot be read or applied.
        DatabaseError: the server refuses, or cannot be reached.

    SQL: queries/internal/check.sql
    """
    wanted = available_series(settings) if series is None else series
    with closing(connect(settings, url, session=True)) as manager:
        try:
            name = f"guestsql_check_{_checksum(manager.info.user, wanted)}"
            packaged_queries("internal/check.sql").lock_scratch_databases(manager)
            # Locked until connected, so that it is not dropped in between.
            target = make_conninfo(url, dbname=name)
            _ensure(manager, name, settings, target, wanted)
            connection = connect(settings, target, session=True)
        except psycopg.Error as error:
            raise translate(error, "") from error
    with closing(connection):
        reset = packaged_queries("internal/check.sql").get_reset_statement(connection)
        if reset is not None:
            _run(connection, reset)
        yield connection


def _ensure(manager: DeadlineConnection, name: str, settings: Settings, target: str, series: Sequence[Series]) -> None:
    found = packaged_queries("internal/check.sql").get_scratch_database(manager, database_name=name, mark=_MARK)
    if found.is_ready:
        return
    if found.is_there:
        _run(manager, found.drop_statement)  # a check was killed while it made it
    _run(manager, found.create_statement)
    try:
        if series:
            patient = replace(settings, deadline_seconds=_SECONDS)
            Runner(patient, _without_roles(target), series).up()
            run_again(patient, _without_roles(target), series)
    except BaseException:
        _run(manager, found.drop_statement)  # the schema of a migration that fails is not used again
        raise
    _run(manager, found.mark_statement)
    for unused in packaged_queries("internal/check.sql").list_unused_scratch_databases(
        manager, database_name=name, mark=_MARK
    ):
        _run(manager, unused.drop_statement)


def _without_roles(target: str) -> str:
    """Roles belong to the whole server, and a check leaves nothing there but its database."""
    given = conninfo_to_dict(target).get("options") or ""
    return make_conninfo(target, options=f"{given} -c guestsql.roles=off".strip())


def _run(manager: DeadlineConnection, statement: Any) -> None:  # noqa: ANN401  psycopg asks for a literal
    manager.execute(statement)


def _checksum(owner: str, series: Sequence[Series]) -> str:
    digest = hashlib.sha256(f"{owner}\nrepeatable files twice\n".encode())
    for migration in read_series(series):
        digest.update(f"{migration.series} {migration.file.name} {migration.checksum}\n".encode())
    return digest.hexdigest()[:16]
