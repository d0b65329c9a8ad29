"""The arguments of initdb and the settings of a server, as text; no disk access."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from guestsql.embedded._account import WINDOWS

__all__ = ["INCLUDE_LINE", "conf_text", "free_port", "initdb_arguments"]

INCLUDE_LINE = "\ninclude_if_exists = 'guestsql.conf'\n"
_FIRST_BUILTIN_LOCALE = 17

_COMMON = {
    "max_connections": "100",
    "wal_level": "replica",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
    "lc_messages": "C",
    "shared_preload_libraries": "pg_stat_statements",
}
# Without fsync, data survives a killed process, but not a machine that stops. Autovacuum runs at random
# times, and a test's counts must not depend on that. Shared memory in files of the data directory is
# removed with it, also after a kill.
_EPHEMERAL = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    **({} if WINDOWS else {"dynamic_shared_memory_type": "mmap"}),
    "max_connections": "200",
    "max_wal_senders": "10",
    "max_wal_size": "512MB",
}


def initdb_arguments(major: int, *, durable: bool) -> list[str]:
    """Return the arguments of initdb after the data directory.

    Args:
        major: PostgreSQL's major version.
        durable: False skips the final flush to disk.

    Returns:
        The arguments. On POSIX every local user of the socket is trusted, because only the owner can reach it.
    """
    method = "scram-sha-256" if WINDOWS else "trust"
    arguments = ["-U", "postgres", "-A", method, "-E", "UTF8"]
    if major >= _FIRST_BUILTIN_LOCALE:
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        # Only Linux always has C.UTF-8.
        arguments += ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
    return arguments if durable else [*arguments, "--no-sync"]


def conf_text(folder: Path | None, port: int, *, durable: bool, settings: Mapping[str, str]) -> str:
    """Return the text of the included configuration file.

    Args:
        folder: the folder of the socket, or None for loopback.
        port: the port.
        durable: False trades durability for speed.
        settings: further settings by name; they override the defaults.

    Returns:
        One setting per line.
    """
    place = {
        "listen_addresses": "127.0.0.1" if folder is None else "",
        "unix_socket_directories": "" if folder is None else f'"{folder}"',
        "port": str(port),
    }
    if folder is not None:
        place["unix_socket_permissions"] = "0700"
    merged = {**place, **_COMMON, **({} if durable else _EPHEMERAL), **settings}
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in merged.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def free_port() -> int:
    """Return a free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
