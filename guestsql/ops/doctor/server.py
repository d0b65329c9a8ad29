"""The server: its version, clock, limits and disk."""

from __future__ import annotations

import shutil
from ipaddress import ip_address
from pathlib import Path

from guestsql.ops.doctor.diagnosis import CheckResult, advise, fault, ok, unknown
from guestsql.ops.doctor.target import Target
from guestsql.supported import OLDEST_POSTGRESQL

__all__ = ["clock", "connections", "disk", "version", "writable"]

# In server_version_num.
_MAJOR = 10_000
_MEGABYTE = 1024**2
_PROCESSES = Path("/proc")


def version(target: Target) -> CheckResult:
    """Is it new enough, and does its encoding have every character?"""
    facts = target.facts
    if facts.version_number < OLDEST_POSTGRESQL * _MAJOR:
        return fault(f"PostgreSQL {facts.version} is too old", f"upgrade to PostgreSQL {OLDEST_POSTGRESQL} or newer")
    if facts.encoding != "UTF8":
        return fault(
            f"the database is in {facts.encoding}, which lacks characters of names and labels",
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and move the data there",
        )
    return ok(f"PostgreSQL {facts.version}")


def writable(target: Target) -> CheckResult:
    """Can it be written to?"""
    if target.facts.is_standby:
        return fault("DATABASE_URL points to a standby", "use the primary's address, or promote this one")
    if target.facts.is_read_only:
        return fault(
            "transactions are read-only by default",
            "find default_transaction_read_only on the role, the database or the server; a full disk may be the reason",
        )
    return ok("it accepts writes")


def clock(target: Target) -> CheckResult:
    """Do the two clocks agree? Messages get this machine's time, contexts the server's."""
    before = target.clock()
    server = target.ask("get_server_facts").clock
    after = target.clock()
    difference = server - (before + after) / 2
    if abs(difference) - (after - before) / 2 > target.limits.clock_seconds:
        ahead = "ahead of" if difference > 0 else "behind"
        return fault(
            f"the server's clock is {abs(difference):.1f} s {ahead} this machine's",
            "use NTP on both: otherwise messages have times in the future, or before earlier messages",
        )
    return ok(f"{abs(difference):.1f} s apart")


def connections(target: Target) -> CheckResult:
    """Is there room for another connection?"""
    facts = target.facts
    share = target.limits.connection_share
    idle = target.where("list_connections", "pg_stat_activity")
    for what, used, limit, advice in (
        (
            "the server",
            facts.connections,
            facts.connection_limit,
            f"end idle clients ({idle}), lower GUESTSQL_POOL_MAX, or raise max_connections",
        ),
        (
            f"the role {facts.role_name}",
            facts.role_connections,
            facts.role_limit,
            f"ALTER ROLE {facts.role_name} CONNECTION LIMIT, or lower GUESTSQL_POOL_MAX",
        ),
        (
            f"the database {facts.database_name}",
            facts.database_connections,
            facts.database_limit,
            f"ALTER DATABASE {facts.database_name} CONNECTION LIMIT, or lower GUESTSQL_POOL_MAX",
        ),
    ):
        if limit is not None and used >= limit * share:
            return fault(f"{used} of {limit} connections of {what} are in use", advice)
    pool = target.settings.pool_max
    if pool > facts.connection_limit:
        return fault(
            f"GUESTSQL_POOL_MAX is {pool}, and the server allows {facts.connection_limit} connections",
            "lower GUESTSQL_POOL_MAX; every process has its own pool",
        )
    return ok(f"{facts.connections} of {facts.connection_limit} connections are in use")


def disk(target: Target) -> CheckResult:
    """Is there room on the disk?"""
    facts = target.ask("get_disk_facts")
    size = f"the database takes {facts.database_bytes / _MEGABYTE:,.0f} MB"
    if facts.kept_wal_bytes > target.limits.kept_wal_bytes:
        return fault(
            f"unused replication slots retain {facts.kept_wal_bytes / _MEGABYTE:,.0f} MB of WAL",
            f"drop those of {target.where('list_replication_slots', 'pg_replication_slots')} that are no longer needed:"
            " pg_drop_replication_slot(…)",
        )
    hidden = _why_unknown(target, facts.data_directory)
    if hidden is not None:
        return unknown(f"{size}; {hidden.message}", hidden.advice)
    folder = facts.data_directory
    room = shutil.disk_usage(folder)
    free = f"{room.free / _MEGABYTE:,.0f} MB of {room.total / _MEGABYTE:,.0f} MB are free in {folder}"
    if room.free < target.limits.free_bytes or room.free < room.total * target.limits.free_share:
        return fault(f"{free}; {size}", "free some space: a full disk stops every write")
    if facts.kept_wal_bytes:
        return advise(f"{free}; an unused replication slot retains WAL", "drop it, or start its reader")
    return ok(f"{free}; {size}")


def _why_unknown(target: Target, folder: str | None) -> CheckResult | None:
    if not _is_this_machine(target):
        return unknown("PostgreSQL does not report the free space of another machine", "see your provider's figures")
    if folder is None:
        role = target.facts.role_name
        return unknown(
            f"{role} may not see the data directory, and so not how much is free there",
            f"as a superuser: GRANT pg_read_all_settings TO {role}; or run df on the server's machine",
        )
    if not Path(folder).is_dir():
        return unknown(f"its folder {folder} is not visible from here", "run df in the server's container")
    return None


def _is_this_machine(target: Target) -> bool:
    """Check the socket, or a loopback address and the server's process: a tunnel ends at 127.0.0.1, too."""
    info = target.connection.info
    if info.host.startswith(("/", "@")):
        return True
    if not ip_address(info.hostaddr.partition("%")[0]).is_loopback:
        return False
    session = _PROCESSES / str(target.ask("get_server_facts").session_pid) / "comm"
    return session.is_file() and session.read_text(encoding="utf-8", errors="replace").startswith("postgres")
