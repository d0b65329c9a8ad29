"""The login, and the other addresses."""

from __future__ import annotations

from contextlib import closing

from guestsql.errors import DatabaseUnavailable
from guestsql.ops.doctor.diagnosis import CheckResult, fault, ok
from guestsql.ops.doctor.pooler import SET_UNPOOLED
from guestsql.ops.doctor.target import Target
from guestsql.sql._sync.connection import connect
from guestsql.sql.packaged import packaged_queries

__all__ = ["direct", "login", "replica"]

_ADVICE = {
    "28P01": "the password is wrong, or the role does not exist: copy DATABASE_URL again, with % : / @ percent-encoded",
    "28000": "the role may not log in from here: check its name, and pg_hba.conf on the server",
    "3D000": "there is no such database: check the name after the last / of DATABASE_URL, or CREATE DATABASE",
    "42501": "the role may not connect to this database: GRANT CONNECT ON DATABASE … TO its role",
    "57P03": "the server is starting, stopping or recovering: wait, then read its log",
}


def login(target: Target) -> CheckResult:
    """Can the role log in to the database?"""
    try:
        connection = target.connection
    except DatabaseUnavailable as error:
        return fault(error.message, _advice(error))
    info = connection.info
    return ok(f"{info.user} can log in to {info.dbname}")


def direct(target: Target) -> CheckResult:
    """Does DATABASE_UNPOOLED_URL point to the server itself?"""
    if target.settings.unpooled_url is None:
        return ok("not set: DATABASE_URL is used")
    return _other(target, "DATABASE_UNPOOLED_URL", target.settings.unpooled_url, unpooled=True)


def replica(target: Target) -> CheckResult:
    """Does DATABASE_REPLICA_URL answer, as a copy of the database's server?"""
    if target.settings.replica_url is None:
        return ok("not set: DATABASE_URL is used")
    return _other(target, "DATABASE_REPLICA_URL", target.settings.replica_url, unpooled=False)


def _other(target: Target, variable: str, url: str, *, unpooled: bool) -> CheckResult:
    try:
        with closing(connect(target.check_settings, url)) as connection:
            facts = packaged_queries("internal/doctor.sql").get_server_facts(connection)
            if unpooled and facts.session_pid != connection.info.backend_pid:
                return fault(f"{variable} also points to a pooler", SET_UNPOOLED)
            if not unpooled and facts.cluster_number != target.facts.cluster_number:
                advice = "correct the address: what is read there is not what the bot writes"
                return fault(f"{variable} points to another cluster, which is no copy of DATABASE_URL's", advice)
            kind = "a standby" if facts.is_standby else "a writable server"
    except DatabaseUnavailable as error:
        return fault(f"{variable}: {error.message}", _advice(error).replace("DATABASE_URL", variable))
    return ok(f"{variable} points to {kind}")


def _advice(error: DatabaseUnavailable) -> str:
    message = error.message.lower()
    if "permission denied for database" in message:
        return _ADVICE["42501"]
    if "certificate" in message:
        return "the server's certificate is not trusted: set sslrootcert to its issuer's, or use sslmode=require"
    if "ssl" in message and error.sqlstate is None:
        return "the server offers no TLS: enable ssl on the server, or omit sslmode on a private network"
    return _ADVICE.get(error.sqlstate or "", error.hint)
