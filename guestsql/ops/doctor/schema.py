"""The schema: migrations, rights, extensions and indexes."""

from __future__ import annotations

import psycopg

from guestsql.errors import DatabaseError, MigrationError
from guestsql.migrate import Runner, Status, configured_migrations
from guestsql.migrate.compare import statuses
from guestsql.migrate.ledger import Ledger
from guestsql.ops.doctor.diagnosis import CheckResult, advise, fault, ok, unknown
from guestsql.ops.doctor.target import Target
from guestsql.sql.translate import translate
from guestsql.wording import counted

__all__ = ["extension", "indexes", "migrations", "permission"]

_GRANT = "as the owner: GRANT guestsql_bot TO {role} (see docs/roles.md)"
_MANY = 5
_INSUFFICIENT_PRIVILEGE = "42501"
_WRONG = ("changed", "missing", "out_of_order")


def migrations(target: Target) -> CheckResult:
    """Is every migration applied, and unchanged since?"""
    try:
        return _result(_statuses(target))
    except psycopg.Error as error:
        return _unread(target, translate(error, ""))
    except (DatabaseError, MigrationError) as error:
        return _unread(target, error)


def _result(found: list[Status]) -> CheckResult:
    if not found:
        return ok("this project has no migrations")
    wrong = [f"{each.label} is {each.state.replace('_', ' ')}" for each in found if each.state in _WRONG]
    if wrong:
        return fault(
            "; ".join(wrong), "guestsql migrate verify shows the difference; restore the file that was applied"
        )
    pending = [each.label for each in found if each.state == "pending"]
    if len(pending) == len(found):
        return fault("no migration is applied: the tables do not exist", "guestsql migrate up")
    if pending:
        return fault(f"pending: {', '.join(pending)}", "guestsql migrate up")
    return ok(f"applied: all {len(found)}")


def _statuses(target: Target) -> list[Status]:
    """Use the open connection unless there is another address: a second connection may exceed the limit."""
    files = configured_migrations(target.settings)
    if files and target.settings.unpooled_url is not None:
        return Runner(target.check_settings, target.direct_url).status()
    return statuses(files, Ledger(target.connection).read(files))


def _unread(target: Target, error: DatabaseError | MigrationError) -> CheckResult:
    """Explain a missing right. Any other error is reported by `diagnose`."""
    if error.sqlstate != _INSUFFICIENT_PRIVILEGE:
        raise error
    role = target.facts.role_name
    return unknown(
        f"{role} may not read which migrations are applied: {error.message}",
        f"as the owner: GRANT guestsql_bot TO {role}, or guestsql_monitor; or run guestsql doctor as the owner",
    )


def permission(target: Target) -> CheckResult:
    """Does the role have the rights of a bot?"""
    role = target.facts.role_name
    guest_rights = target.ask("get_guest_rights")
    if not guest_rights.is_there:
        return fault(
            f"{role} sees no table guest_profiles in its search_path",
            f"guestsql migrate up; if it is applied: ALTER ROLE {role} SET search_path, or GRANT USAGE ON SCHEMA",
        )
    missing = [("guest_profiles", guest_rights.missing)] if guest_rights.missing else []
    if guest_rights.reads_grants:
        missing = [(row.relation_name, row.privileges) for row in target.ask("list_missing_rights")]
    if not missing:
        return ok(f"{role} has the rights of a bot")
    had = {row.role_name for row in target.ask("list_group_roles") if row.is_had}
    if "guestsql_monitor" in had:
        return ok(f"{role} has guestsql_monitor: enough for monitoring, not for a bot")
    if "guestsql_marketing" in had:
        return ok(f"{role} has guestsql_marketing: enough for lists and claims, not for a bot")
    lacking = "; ".join(f"{', '.join(rights)} on {table}" for table, rights in missing[:_MANY])
    more = f"; and {counted(len(missing) - _MANY, 'more table')}" if len(missing) > _MANY else ""
    return fault(f"{role} lacks {lacking}{more}", _GRANT.format(role=role))


def extension(target: Target) -> CheckResult:
    """Is pg_stat_statements available, which the check of slow queries needs?"""
    known = target.ask("get_statistics_extension")
    if not known.is_available:
        return advise("the server does not offer pg_stat_statements", "only the figures of slow statements are missing")
    if not known.is_loaded:
        return advise(
            "pg_stat_statements is not loaded",
            "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements', restart the server, CREATE EXTENSION",
        )
    if not known.is_made:
        return advise("pg_stat_statements is not installed in this database", "CREATE EXTENSION pg_stat_statements")
    return ok("pg_stat_statements is installed")


def indexes(target: Target) -> CheckResult:
    """Is an index invalid?"""
    broken = Ledger(target.connection).invalid_indexes()
    if not broken:
        return ok("every index is valid")
    names = "; ".join(f"{index} of {table}" for index, table in broken[:_MANY])
    return fault(
        f"invalid: {names}",
        f"REINDEX INDEX CONCURRENTLY {broken[0][0]}; if its migration is pending, guestsql migrate up rebuilds it",
    )
