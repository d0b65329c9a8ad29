"""A server that waits for a standby which it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from tests.server import eventually

Connection = psycopg.Connection[Any]

_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'guestsql'"


@contextmanager
def without_standby(watcher: Connection) -> Iterator[None]:
    """Let no commit end while this lasts."""
    watcher.execute("ALTER SYSTEM SET synchronous_standby_names = 'nowhere'")
    watcher.execute("SELECT pg_reload_conf()")
    try:
        _commit_until_it_waits(watcher)
        yield
    finally:
        watcher.execute("ALTER SYSTEM RESET synchronous_standby_names")
        watcher.execute("SELECT pg_reload_conf()")


def waiting(watcher: Connection) -> set[int]:
    """The sessions of guestsql whose commit waits for the standby."""
    return {row[0] for row in watcher.execute(_WAITING)}


def _commit_until_it_waits(watcher: Connection) -> None:
    """The server takes note of a reloaded setting some time after `pg_reload_conf`."""
    state = "SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s"
    with closing(psycopg.connect(watcher.info.dsn, autocommit=True)) as probe:

        def waits() -> bool:
            server = probe.pgconn
            server.consume_input()
            while not server.is_busy():  # never wait here for a result: one of them does not come
                if server.get_result() is None:
                    server.send_query(b"SELECT pg_logical_emit_message(true, '', '')")
            found = watcher.execute(state, [server.backend_pid]).fetchone()
            return found == ("active", "SyncRep")

        eventually(waits)
        watcher.execute("SELECT pg_terminate_backend(%s)", [probe.info.backend_pid])
