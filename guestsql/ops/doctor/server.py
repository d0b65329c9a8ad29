"""The server: its version, its clock, its limits, its disk."""

from __future__ import annotations

import shutil
from ipaddress import ip_address
from pathlib import Path

from guestsql.ops.doctor.finding import Verdict, advise, fault, fine, unseen
from guestsql.ops.doctor.patient import Patient

__all__ = ["clock", "connections", "disk", "version", "writable"]

_OLDEST = 140_000
_MEGABYTE = 1024**2
_PROCESSES = Path("/proc")


def version(patient: Patient) -> Verdict:
    """Is it new enough, and does it keep every letter?"""
    facts = patient.facts
    if facts.version_number < _OLDEST:
        return fault(f"PostgreSQL {facts.version} is too old", "move to PostgreSQL 15 or newer")
    if facts.encoding != "UTF8":
        return fault(
            f"the database is in {facts.encoding}: names and labels would not fit in",
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and move there",
        )
    return fine(f"PostgreSQL {facts.version}")


def writable(patient: Patient) -> Verdict:
    """Can it be written to?"""
    if patient.facts.is_standby:
        return fault("DATABASE_URL leads to a standby", "use the primary's address, or promote this one")
    if patient.facts.is_read_only:
        return fault(
            "transactions are read-only by default",
            "look for default_transaction_read_only at the role, the database and the server: a full disk may be why",
        )
    return fine("it takes writes")


def clock(patient: Patient) -> Verdict:
    """Do both clocks say the same? A message's time is this machine's, the age of a context is the server's."""
    before = patient.clock()
    server = patient.ask("get_server_facts").clock
    after = patient.clock()
    difference = server - (before + after) / 2
    if abs(difference) - (after - before) / 2 > patient.limits.clock_seconds:
        ahead = "ahead of" if difference > 0 else "behind"
        return fault(
            f"the server's clock is {abs(difference):.1f} s {ahead} this machine's",
            "set both by NTP: else messages seem to come from the future, or are older than those before",
        )
    return fine(f"{abs(difference):.1f} s apart")


def connections(patient: Patient) -> Verdict:
    """Is there room for another connection?"""
    facts = patient.facts
    share = patient.limits.connection_share
    for what, used, limit, advice in (
        (
            "the server",
            facts.connections,
            facts.connection_limit,
            "end idle clients (list_connections), lower GUESTSQL_POOL_MAX, or raise max_connections",
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
            return fault(f"{used} of {limit} connections of {what} are taken", advice)
    pool = patient.settings.pool_max
    if pool > facts.connection_limit:
        return fault(
            f"GUESTSQL_POOL_MAX is {pool}, and the server allows {facts.connection_limit} connections",
            "lower GUESTSQL_POOL_MAX; every process has a pool of its own",
        )
    return fine(f"{facts.connections} of {facts.connection_limit} are taken")


def disk(patient: Patient) -> Verdict:
    """Is there room on the disk?"""
    facts = patient.ask("get_disk_facts")
    size = f"the database has {facts.database_bytes / _MEGABYTE:,.0f} MB"
    if facts.kept_wal_bytes > patient.limits.kept_wal_bytes:
        return fault(
            f"replication slots that nobody reads keep {facts.kept_wal_bytes / _MEGABYTE:,.0f} MB of WAL",
            "drop those of list_replication_slots that nobody needs any more, with pg_drop_replication_slot(…)",
        )
    hidden = _why_unseen(patient, facts.data_directory)
    if hidden is not None:
        return unseen(f"{size}; {hidden.message}", hidden.advice)
    folder = facts.data_directory
    room = shutil.disk_usage(folder)
    free = f"{room.free / _MEGABYTE:,.0f} MB of {room.total / _MEGABYTE:,.0f} MB are free in {folder}"
    if room.free < patient.limits.free_bytes or room.free < room.total * patient.limits.free_share:
        return fault(f"{free}; {size}", "make room: a full disk stops every write")
    if facts.kept_wal_bytes:
        return advise(f"{free}; a replication slot that nobody reads keeps WAL", "drop it, or start its reader")
    return fine(f"{free}; {size}")


def _why_unseen(patient: Patient, folder: str | None) -> Verdict | None:
    if not _is_this_machine(patient):
        return unseen("the free space of another machine is not told by PostgreSQL", "see your provider's figures")
    if folder is None:
        role = patient.facts.role_name
        return unseen(
            f"{role} may not see in which folder they lie, and so not how much is free there",
            f"as a superuser: GRANT pg_read_all_settings TO {role}; or ask df on the server's machine",
        )
    if not Path(folder).is_dir():
        return unseen(f"its folder {folder} is not to be seen from here", "see df, in the server's container")
    return None


def _is_this_machine(patient: Patient) -> bool:
    """By its socket; or by 127.0.0.1 and the like, if the server's process is one of ours: a tunnel ends there too."""
    info = patient.connection.info
    if info.host.startswith(("/", "@")):
        return True
    if not ip_address(info.hostaddr.partition("%")[0]).is_loopback:
        return False
    session = _PROCESSES / str(patient.ask("get_server_facts").session_pid) / "comm"
    return session.is_file() and session.read_text(encoding="utf-8", errors="replace").startswith("postgres")
