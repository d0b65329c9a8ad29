"""The login, the other addresses, and what stands in between."""

from __future__ import annotations

from contextlib import closing

from guestsql.errors import DatabaseUnavailable
from guestsql.ops.doctor.finding import Verdict, advise, fault, fine
from guestsql.ops.doctor.patient import Patient
from guestsql.sql._sync.connection import connect
from guestsql.sql.packaged import packaged_queries

__all__ = ["direct", "login", "pooler", "replica"]

_ADVICE = {
    "28P01": "the password is wrong, or the role does not exist: copy DATABASE_URL anew, with % : / @ percent-encoded",
    "28000": "the role may not log in from here: check its name, and pg_hba.conf at the server",
    "3D000": "there is no such database: check the name behind the last / of DATABASE_URL, or CREATE DATABASE",
    "42501": "the role may not connect to this database: GRANT CONNECT ON DATABASE … TO its role",
    "57P03": "the server is starting, stopping or recovering: wait, then look into its log",
}
_UNPOOLED = "set DATABASE_UNPOOLED_URL to the server's own address: migrations need a session"
_SESSION_MODE = "unset GUESTSQL_POOLER, unless the pooler is in session mode: else clients share sessions"


def login(patient: Patient) -> Verdict:
    """Does the server let the role into the database?"""
    try:
        connection = patient.connection
    except DatabaseUnavailable as error:
        return fault(error.message, _advice(error))
    info = connection.info
    return fine(f"{info.user} is let into {info.dbname}")


def pooler(patient: Patient) -> Verdict:
    """Is there a pooler in the way, and is it treated as one?"""
    is_there = patient.facts.session_pid != patient.connection.info.backend_pid
    declared = patient.settings.pooler_of(patient.url or "")
    if is_there and declared == "off":
        return advise("DATABASE_URL leads to a pooler, and GUESTSQL_POOLER=off says that there is none", _SESSION_MODE)
    if is_there and patient.settings.unpooled_url is None:
        return advise("DATABASE_URL leads to a pooler, and DATABASE_UNPOOLED_URL is not set", _UNPOOLED)
    if is_there:
        return fine("DATABASE_URL leads to a pooler; DATABASE_UNPOOLED_URL is set")
    if declared in ("transaction", "tracked"):
        return fine("DATABASE_URL leads to the server itself, and is used as if it were a pooler's")
    return fine("none: DATABASE_URL leads to the server itself")


def direct(patient: Patient) -> Verdict:
    """DATABASE_UNPOOLED_URL: does it lead to the server itself?"""
    if patient.settings.unpooled_url is None:
        return fine("not set: DATABASE_URL is used")
    return _other(patient, "DATABASE_UNPOOLED_URL", patient.settings.unpooled_url, unpooled=True)


def replica(patient: Patient) -> Verdict:
    """DATABASE_REPLICA_URL: does it answer?"""
    if patient.settings.replica_url is None:
        return fine("not set: DATABASE_URL is used")
    return _other(patient, "DATABASE_REPLICA_URL", patient.settings.replica_url, unpooled=False)


def _other(patient: Patient, variable: str, url: str, *, unpooled: bool) -> Verdict:
    try:
        with closing(connect(patient.hurried, url)) as connection:
            facts = packaged_queries("internal/doctor.sql").get_server_facts(connection)
            if unpooled and facts.session_pid != connection.info.backend_pid:
                return fault(f"{variable} leads to a pooler too", _UNPOOLED)
            kind = "a standby" if facts.is_standby else "a server that can be written to"
    except DatabaseUnavailable as error:
        return fault(f"{variable}: {error.message}", _advice(error).replace("DATABASE_URL", variable))
    return fine(f"{variable} leads to {kind}")


def _advice(error: DatabaseUnavailable) -> str:
    message = error.message.lower()
    if "permission denied for database" in message:
        return _ADVICE["42501"]
    if "certificate" in message:
        return "the server's certificate is not trusted: name its issuer with sslrootcert, or use sslmode=require"
    if "ssl" in message and error.sqlstate is None:
        return "the server offers no TLS: leave sslmode out on a private network, or switch ssl on at the server"
    return _ADVICE.get(error.sqlstate or "", error.hint)
