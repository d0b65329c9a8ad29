"""A pooler between here and the server: its version, its mode, and whether it keeps prepared statements.

Only the version takes a right on the pooler. The rest is observed, so that it also holds for a mode that PgBouncer sets
for one user or database.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from guestsql.errors import DatabaseError
from guestsql.ops.doctor.diagnosis import CheckResult, advise, fault, ok
from guestsql.ops.doctor.target import Target
from guestsql.settings import Pooler, Settings
from guestsql.sql._sync.connection import DeadlineConnection, connect, recognise
from guestsql.sql.packaged import packaged_queries

__all__ = ["SET_UNPOOLED", "pooler"]

SET_UNPOOLED = "set DATABASE_UNPOOLED_URL to the server's direct address: migrations need a session"
_SESSION_MODE = "unset GUESTSQL_POOLER unless the pooler is in session mode: clients would share sessions"
_TRACKED = "set max_prepared_statements = 200 (PgBouncer 1.22 or newer), or unset GUESTSQL_POOLER"
_UNKNOWN_VERSION = " (version unknown: PgBouncer reports it to its stats_users)"
_CONSOLE = "pgbouncer"
_OWN_NAMES = "_pg3_"  # of psycopg's prepared statements; a pooler that keeps them gives them names of its own
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class _Observed:
    """How the pooler behaves.

    Attributes:
        mode: `session`, `transaction` or `statement`; None where it could not be observed.
        keeps_statements: whether each client has prepared statements of its own; None where unknown.
    """

    mode: str | None = None
    keeps_statements: bool | None = None


def pooler(target: Target) -> CheckResult:
    """Is there a pooler, and is it treated as one?"""
    declared = target.settings.pooler_of(target.url or "")
    if target.facts.session_pid != target.connection.info.backend_pid:
        return _judge(target, declared)
    if declared in ("transaction", "tracked"):
        return ok("DATABASE_URL points to the server itself but is used as a pooler's")
    return ok("no pooler: DATABASE_URL points to the server itself")


def _judge(target: Target, declared: Pooler) -> CheckResult:
    settings = replace(target.settings, deadline_seconds=target.limits.seconds / 3)
    found = _observe(target, settings)
    mode = f"in {found.mode} mode" if found.mode else "in an unknown mode"
    version = _version(target, settings)
    where = f"DATABASE_URL points to {version or 'a pooler'} {mode}{'' if version else _UNKNOWN_VERSION}"
    if found.mode == "statement":
        return fault(where, "set pool_mode = transaction: no transaction is possible in this mode")
    if declared == "off" and found.mode != "session":
        result = fault if found.mode else advise
        return result(f"{where}, although GUESTSQL_POOLER is off", _SESSION_MODE)
    if declared == "tracked" and found.keeps_statements is False:
        return fault(f"{where}, which keeps no prepared statements, although GUESTSQL_POOLER is tracked", _TRACKED)
    if found.keeps_statements and declared != "tracked":
        where += ", which keeps prepared statements: GUESTSQL_POOLER=tracked would use them"
    if declared == "off":
        return ok(where)
    if target.settings.unpooled_url is None:
        return advise(f"{where}; DATABASE_UNPOOLED_URL is not set", SET_UNPOOLED)
    return ok(f"{where}; DATABASE_UNPOOLED_URL is set")


def _version(target: Target, settings: Settings) -> str | None:
    """Log in to PgBouncer's console, whose server_version is its own."""
    try:
        with closing(connect(settings, make_conninfo(target.url or "", dbname=_CONSOLE))) as console:
            version, _, kind = (console.info.parameter_status("server_version") or "").partition("/")
    except DatabaseError:  # another pooler, or the role may not
        return None
    return f"PgBouncer {version}" if kind == "bouncer" else None


def _observe(target: Target, settings: Settings) -> _Observed:
    """Compare the server's processes of this client with that of another one, which holds its own in a transaction."""
    try:
        with closing(connect(settings, target.url or "")) as other:
            other.deadline = monotonic() + settings.deadline_seconds
            for _ in range(_ROUNDS):
                before = _pid(target.connection)
                with other.transaction():
                    if before == _pid(other) or before != _pid(target.connection):
                        return _Observed("transaction", _keeps_statements(other))
            return _Observed("session")
    except (DatabaseError, psycopg.Error) as error:
        # PgBouncer has no SQLSTATE of its own for this, and its messages are always English.
        return _Observed("statement" if "statement pooling" in str(error) else None)


def _pid(connection: DeadlineConnection) -> Any:  # noqa: ANN401  the query's own
    return packaged_queries("internal/connections.sql").get_server_pid(connection)


def _keeps_statements(connection: DeadlineConnection) -> bool:
    """Prepare a statement and look up its name, in one transaction and so in one process of the server."""
    recognise(connection, "tracked")
    connection.prepare_threshold = 0
    rows = packaged_queries("internal/doctor.sql").list_prepared_names(connection)
    own = [row.name for row in rows if row.name.startswith(_OWN_NAMES)]
    for name in own:
        connection.execute(sql.SQL("DEALLOCATE {}").format(sql.Identifier(name)), prepare=False)
    return not own
