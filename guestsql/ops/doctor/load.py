"""What makes it slow, or its lists wrong."""

from __future__ import annotations

from guestsql.ops.doctor.finding import Verdict, advise, fault, fine, unseen
from guestsql.ops.doctor.patient import Patient

__all__ = ["future_times", "sessions", "slow_queries", "statistics", "wraparound"]

_MANY = 3


def slow_queries(patient: Patient) -> Verdict:
    """Is a query slow?"""
    known = patient.ask("get_statistics_extension")
    if not (known.is_made and known.is_loaded):
        return unseen("pg_stat_statements is not there")
    slow = patient.ask(
        "list_slow_statements",
        min_milliseconds=patient.limits.slow_milliseconds,
        min_calls=patient.limits.slow_calls,
    )
    if not slow:
        return fine(f"none takes {patient.limits.slow_milliseconds:g} ms on average")
    shown = "; ".join(f"{row.query}: {row.mean_milliseconds:,.0f} ms, {row.calls} calls" for row in slow[:_MANY])
    return advise(
        f"slow: {shown}", "guestsql query explain NAME tells why; once it is mended, SELECT pg_stat_statements_reset()"
    )


def statistics(patient: Patient) -> Verdict:
    """Does the planner know the tables?"""
    stale = patient.ask("list_stale_statistics", min_rows=patient.limits.stale_rows)
    if not stale:
        return fine("the planner knows every table")
    shown = "; ".join(f"{row.changed_rows:,} rows of {row.table_name} changed" for row in stale[:_MANY])
    return fault(
        f"stale: {shown} since ANALYZE",
        f"ANALYZE {stale[0].table_name}; should it happen again, see that autovacuum is on",
    )


def sessions(patient: Patient) -> Verdict:
    """Does a session hold up others?"""
    found = patient.ask("get_session_troubles", min_seconds=patient.limits.session_seconds)
    longest = patient.limits.session_seconds
    if found.idle_in_transaction or found.waiting:
        return fault(
            f"{found.idle_in_transaction} sessions are idle in a transaction for over {longest:g} s, "
            f"{found.waiting} wait for a lock as long",
            "guestsql query run list_blocked_sessions and list_idle_transactions; pg_terminate_backend(pid) ends one",
        )
    if not found.is_visible:
        return unseen("the sessions of other roles", "GRANT pg_monitor, or guestsql_monitor, to see them")
    return fine("nobody holds up others")


def future_times(patient: Patient) -> Verdict:
    """Does a guest have a time in the future?"""
    guests = patient.ask("count_future_guests")
    if guests:
        return fault(
            f"{guests:,} guests have a time in the future and are first in every list",
            "guestsql query run limit_future_times until it says 0; the import of this release writes none",
        )
    return fine("no guest has a time in the future")


def wraparound(patient: Patient) -> Verdict:
    """Is the age of the oldest row far from where the server stops?"""
    transactions = patient.ask("get_wraparound_age")
    if transactions > patient.limits.wraparound:
        return fault(
            f"the oldest row is {transactions:,} transactions old; at two thousand million the server stops",
            "VACUUM FREEZE the tables of list_wraparound_tables, and end old transactions and prepared ones",
        )
    return fine(f"the oldest row is {transactions:,} transactions old")
