"""The schema: migrations, rights, extensions, indexes."""

from __future__ import annotations

import psycopg

from guestsql.errors import DatabaseError, MigrationError
from guestsql.migrate import Runner, Status, configured_migrations
from guestsql.migrate.compare import statuses
from guestsql.migrate.ledger import Ledger
from guestsql.ops.doctor.finding import Verdict, advise, fault, fine, unseen
from guestsql.ops.doctor.patient import Patient
from guestsql.sql.translate import translate

__all__ = ["extension", "indexes", "migrations", "permission"]

_GRANT = "as the owner: GRANT guestsql_bot TO {role} (see docs/roles.md)"
_MANY = 5
_NO_RIGHT = "42501"
_WRONG = ("changed", "missing", "out_of_order")


def migrations(patient: Patient) -> Verdict:
    """Is every migration of this release applied, as its file says?"""
    try:
        found = _statuses(patient)
    except psycopg.Error as error:
        return _unread(patient, translate(error, ""))
    except (DatabaseError, MigrationError) as error:
        return _unread(patient, error)
    wrong = [f"{each.label} is {each.state.replace('_', ' ')}" for each in found if each.state in _WRONG]
    if wrong:
        return fault(
            "; ".join(wrong), "guestsql migrate verify shows the difference; restore the file as it was applied"
        )
    pending = [each.label for each in found if each.state == "pending"]
    if len(pending) == len(found):
        return fault("no migration is applied: the tables do not exist", "guestsql migrate up")
    if pending:
        return fault(f"pending: {', '.join(pending)}", "guestsql migrate up")
    return fine(f"all {len(found)} are applied")


def _statuses(patient: Patient) -> list[Status]:
    """Asked on the connection that there is; a second one is made only for another address: it may be one too many."""
    if patient.settings.unpooled_url is not None:
        return Runner(patient.hurried, patient.direct_url).status()
    files = configured_migrations(patient.settings)
    return statuses(files, Ledger(patient.connection).read(files))


def _unread(patient: Patient, error: DatabaseError | MigrationError) -> Verdict:
    """Why the ledger could not be read; a role without the right is told which one, any other error is the run's."""
    if error.sqlstate != _NO_RIGHT:
        raise error
    role = patient.facts.role_name
    return unseen(
        f"{role} may not see which migrations are applied: {error.message}",
        f"as the owner: GRANT guestsql_bot TO {role}, or guestsql_monitor; or run doctor with the owner's address",
    )


def permission(patient: Patient) -> Verdict:
    """May the role do what a bot does?"""
    role = patient.facts.role_name
    upon_guests = patient.ask("get_guest_rights")
    if not upon_guests.is_there:
        return unseen(f"{role} sees no table guest_profiles", "guestsql migrate up, or GRANT USAGE ON SCHEMA")
    missing = [("guest_profiles", upon_guests.missing)] if upon_guests.missing else []
    if upon_guests.reads_grants:
        missing = [(row.relation_name, row.privileges) for row in patient.ask("list_missing_rights")]
    if not missing:
        return fine(f"{role} may do what a bot does")
    had = {row.role_name for row in patient.ask("list_group_roles") if row.is_had}
    if "guestsql_monitor" in had:
        return fine(f"{role} reads figures as guestsql_monitor: right for monitoring, not for the bot")
    lacking = "; ".join(f"{', '.join(rights)} on {table}" for table, rights in missing[:_MANY])
    more = f"; and {len(missing) - _MANY} more tables" if len(missing) > _MANY else ""
    return fault(f"{role} lacks {lacking}{more}", _GRANT.format(role=role))


def extension(patient: Patient) -> Verdict:
    """Is there pg_stat_statements, for the queries that tell what is slow?"""
    known = patient.ask("get_statistics_extension")
    if not known.is_available:
        return advise(
            "the server does not offer pg_stat_statements", "nothing is lost but the figures of slow statements"
        )
    if not known.is_loaded:
        return advise(
            "pg_stat_statements is not loaded",
            "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements', restart it, then CREATE EXTENSION",
        )
    if not known.is_made:
        return advise("pg_stat_statements is missing in this database", "CREATE EXTENSION pg_stat_statements")
    return fine("pg_stat_statements is there")


def indexes(patient: Patient) -> Verdict:
    """Is an index invalid?"""
    broken = Ledger(patient.connection).invalid_indexes()
    if not broken:
        return fine("every index is valid")
    names = "; ".join(f"{index} of {table}" for index, table in broken[:_MANY])
    return fault(
        f"invalid: {names}",
        f"REINDEX INDEX CONCURRENTLY {broken[0][0]}; if its migration is pending, guestsql migrate up makes it anew",
    )
