"""What every connection is asked for: the address, checked; and how Python values travel."""

from __future__ import annotations

import socket

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8Dumper

from guestsql.errors import SettingsError
from guestsql.sql.unreadable import load_exactly

__all__ = ["adapters", "parse_conninfo", "with_unresolved"]

# A dead peer is noticed in half a minute instead of two hours.
_KEEPALIVES = {"keepalives": 1, "keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 2}

_PORTS = 65_536

_SEARCH_PATH = "for another schema: ALTER ROLE … SET search_path = …"
_POOLER = "a pooler is recognised without it, see GUESTSQL_POOLER"
# Parameters of other tools, and what to write instead.
_INSTEAD = {
    "schema": _SEARCH_PATH,
    "currentSchema": _SEARCH_PATH,
    "search_path": _SEARCH_PATH,
    "pgbouncer": _POOLER,
    "prepareThreshold": _POOLER,
    "prepared_statements": _POOLER,
    "statement_cache_size": _POOLER,
    "connection_limit": "see GUESTSQL_POOL_MAX",
    "pool_timeout": "see GUESTSQL_DEADLINE_SECONDS",
    "sslaccept": "see sslmode",
}


def adapters() -> AdaptersMap:
    """Return psycopg's adapters with one type for every int, and with loaders that replace no value by another.

    psycopg types an int by its value, so that one query with 3, 100000 and 5e9 would be three prepared statements.
    """
    adapting = AdaptersMap(psycopg.adapters)
    adapting.register_dumper(int, Int8Dumper)
    load_exactly(adapting)
    return adapting


def parse_conninfo(url: str, *, variable: str = "DATABASE_URL") -> dict[str, str | int]:
    """Check an address and return libpq's parameters for it, with keepalives.

    Args:
        url: `postgresql://user:password@host:5432/database`, or libpq's `key=value` form.
        variable: where the address came from, for the error.

    Raises:
        SettingsError: the address does not parse. It is not quoted: it may hold a password.
    """
    hint = "postgresql://user:password@host:5432/database, with % : / @ in the password percent-encoded"
    if not url.strip():
        raise SettingsError(f"{variable} is empty", hint=hint)
    if "://" in url and not url.startswith(("postgres://", "postgresql://")):
        raise SettingsError(f"{variable} is not a PostgreSQL address: its scheme is not postgresql://", hint=hint)
    try:
        given = conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeError):
        # The cause is left out on purpose: libpq's message quotes parts of the address.
        foreign = _foreign_parameter(url)
        if foreign is not None:
            raise SettingsError(
                f"{variable} has a parameter of another tool: {foreign}",
                hint=f"remove {foreign}=…; {_INSTEAD[foreign]}",
            ) from None
        raise SettingsError(f"{variable} does not parse as a PostgreSQL address", hint=hint) from None
    known = {name: value for name, value in given.items() if value is not None}
    plausible = _is_plausible(str(known.get("host", "")), str(known.get("port", "")))
    if "\x00" in url or _has_split_password(url) or not plausible:
        raise SettingsError(f"{variable} does not parse as a PostgreSQL address: host, port or database", hint=hint)
    return {"application_name": "guestsql", **_KEEPALIVES, **known}


def _is_encodable(host: str) -> bool:
    """Return True if a name can be looked up: Python refuses an empty or long label by itself, not as an OSError."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def with_unresolved(error: psycopg.Error, hosts: str) -> psycopg.Error:
    """Add the hosts that have no address to an error of connecting: psycopg leaves them out when another has one.

    Args:
        error: why the others could not be used.
        hosts: libpq's list of several.

    Returns:
        An error of psycopg that lists each host's reason, or the same one.
    """
    reasons = [reason for host in hosts.split(",") if (reason := _unresolved(host)) is not None]
    if not reasons:
        return error
    given = str(error)
    lines = [given] if "\n- host: " in given else ["", _line(given.partition("\n")[0])]
    return type(error)("\n".join([*lines, *map(_line, reasons)]))


def _line(reason: str) -> str:
    return f"- host: , port: , hostaddr: : {reason}"  # as psycopg lists them


def _unresolved(host: str) -> str | None:
    if not host or host.startswith(("/", "@")):
        return None
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"failed to resolve host {host!r}: {error}"
    return None


def _foreign_parameter(url: str) -> str | None:
    """Return the name of a parameter of another tool. Other names are not shown: they may be a part of a password."""
    given = url.partition("?")[2].split("&")
    return next((name for name in (pair.partition("=")[0] for pair in given) if name in _INSTEAD), None)


def _has_split_password(url: str) -> bool:
    """Return True if a `/` that was not encoded has moved a part of the password into the database's name."""
    _, is_url, rest = url.partition("://")
    _, _, path = rest.partition("?")[0].partition("/")
    return bool(is_url) and "@" in path


def _is_plausible(hosts: str, ports: str) -> bool:
    """Return True if host and port can be what they say.

    A `/` or `@` that was not encoded moves a part of the password into one of the two, and from there into libpq's
    messages. libpq takes lists of both.
    """
    names = (host for host in hosts.split(",") if not host.startswith(("/", "@")))
    numbers = (port for port in ports.split(",") if port)
    return all("@" not in name and _is_encodable(name) for name in names) and all(
        number.isascii() and number.isdigit() and 0 < int(number[:6]) < _PORTS for number in numbers
    )
