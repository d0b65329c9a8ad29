"""What makes queries slow or their results wrong."""

from __future__ import annotations

from guestsql.ops.doctor.diagnosis import CheckResult, advise, fault, ok, unknown
from guestsql.ops.doctor.target import Target
from guestsql.wording import counted

__all__ = [
    "contact_rules",
    "future_times",
    "messages",
    "replies",
    "sessions",
    "slow_queries",
    "statistics",
    "two_spellings",
    "wraparound",
]

_MANY = 3


def slow_queries(target: Target) -> CheckResult:
    """Is a query slow?"""
    known = target.ask("get_statistics_extension")
    if not (known.is_made and known.is_loaded):
        return unknown("pg_stat_statements is not installed")
    slow = target.ask(
        "list_slow_statements",
        min_milliseconds=target.limits.slow_milliseconds,
        min_calls=target.limits.slow_calls,
    )
    if not slow:
        return ok(f"no query takes {target.limits.slow_milliseconds:g} ms on average")
    shown = "; ".join(
        f"{row.query}: {row.mean_milliseconds:,.0f} ms, {counted(row.calls, 'call')}" for row in slow[:_MANY]
    )
    return advise(
        f"slow: {shown}", "guestsql query explain NAME shows why; once it is fixed, SELECT pg_stat_statements_reset()"
    )


def statistics(target: Target) -> CheckResult:
    """Are the planner's statistics up to date?"""
    stale = target.ask("list_stale_statistics", min_rows=target.limits.stale_rows)
    if not stale:
        return ok("the statistics of every table are up to date")
    shown = "; ".join(f"{counted(row.changed_rows, 'row')} of {row.table_name} changed" for row in stale[:_MANY])
    return fault(
        f"stale: {shown} since ANALYZE",
        f"ANALYZE {stale[0].table_name}; if it happens again, check that autovacuum is on",
    )


def sessions(target: Target) -> CheckResult:
    """Does a session block others for long?"""
    found = target.ask("get_session_troubles", min_seconds=target.limits.session_seconds)
    longest = target.limits.session_seconds
    if found.idle_in_transaction or found.waiting:
        return fault(
            f"sessions that have been idle in a transaction for over {longest:g} s: {found.idle_in_transaction}, "
            f"or waiting for a lock: {found.waiting}",
            target.where("guestsql query run list_blocked_sessions and list_idle_transactions", "see pg_stat_activity")
            + "; pg_terminate_backend(pid) ends one",
        )
    if not found.is_visible:
        grant = target.where("GRANT pg_monitor or guestsql_monitor to it", "GRANT pg_monitor to it")
        return unknown("this role cannot see the sessions of others", grant)
    return ok("no session blocks others")


def future_times(target: Target) -> CheckResult:
    """Does a guest have a time in the future?"""
    guests = target.ask("count_future_guests")
    if guests:
        return fault(
            f"guests with a time in the future, who come first in every list: {guests:,}",
            "guestsql query run limit_future_times --write until it prints 0; imports no longer write such times",
        )
    return ok("no guest has a time in the future")


def messages(target: Target) -> CheckResult:
    """Were messages begun and never done, or delivered too often?"""
    found = target.ask("get_message_troubles", min_seconds=target.limits.message_seconds)
    if found.unfinished:
        return advise(
            f"messages that were begun, are not done, and were not delivered again: {found.unfinished:,}",
            "guestsql query run list_open_messages; see the bot's log for its errors, and the gateway's deliveries",
        )
    if found.processed >= target.limits.messages and found.redeliveries > found.processed:
        return advise(
            f"messages of the last hour: {found.processed:,}, delivered again: {counted(found.redeliveries, 'time')}",
            "the bot answers later than the gateway waits: raise the gateway's time-out, or do less before the answer",
        )
    return ok("every message that was begun is done")


def replies(target: Target) -> CheckResult:
    """Are replies sent?"""
    found = target.ask("get_outbox_troubles", min_seconds=target.limits.reply_seconds)
    dead = f"; dead letters: {found.dead:,}" if found.dead else ""
    if found.overdue and not found.retried:
        return fault(
            f"replies that wait to be sent: {found.overdue:,}, the oldest for {found.oldest_seconds:,.0f} s{dead}",
            "start a sender, or more of them (docs/outbox.md); guestsql outbox list",
        )
    if found.overdue:
        return advise(
            f"replies that wait to be sent: {found.overdue:,}, perhaps behind the {found.retried:,} that have failed"
            f"{dead}",
            "guestsql outbox list shows the errors",
        )
    if found.dead:
        return advise(f"dead letters: {found.dead:,}", "guestsql outbox list --state dead; then retry or drop them")
    return ok("no reply waits to be sent")


def contact_rules(target: Target) -> CheckResult:
    """Are the contact rules of planned campaigns complete and confirmed?"""
    found = target.ask("get_unconfirmed_rules")
    if not found.profiles:
        return ok("no campaign has planned actions")
    missing = target.ask("list_missing_holiday_years", timezone=target.settings.timezone.key)
    if missing:
        result = fault if any(row.is_current for row in missing) else advise
        return result(
            "no one has entered these holidays, so that every contact is refused: "
            + ", ".join(f"{row.country} {row.year}" for row in missing),
            f"guestsql campaign holidays {missing[0].country} {missing[0].year}",
        )
    if found.unconfirmed_rules:
        return advise(
            f"contact rules that counsel has not confirmed: {found.unconfirmed_rules}",
            "guestsql query run list_contact_rules -p profile=CO shows those of a profile; see docs/contact-rules.md",
        )
    return ok("the contact rules of every planned campaign are confirmed")


def two_spellings(target: Target) -> CheckResult:
    """Are two guests the same number in two national spellings?"""
    pairs = target.ask("count_guests_with_two_spellings")
    if pairs:
        return advise(
            f"numbers in Argentina, Brazil or Mexico that are two guests, one for each spelling: {pairs:,}",
            "guestsql query run list_guests_with_two_spellings prints the command that merges each pair",
        )
    return ok("every number is one guest in all its spellings")


def wraparound(target: Target) -> CheckResult:
    """Is the oldest unfrozen row far from the wraparound?"""
    transactions = target.ask("get_wraparound_age")
    if transactions > target.limits.wraparound:
        tables = target.where("of list_wraparound_tables", "whose age(relfrozenxid) in pg_class is high")
        return fault(
            f"the oldest row is {counted(transactions, 'transaction')} old; at two billion the server refuses writes",
            f"VACUUM FREEZE the tables {tables}; end old and prepared transactions",
        )
    return ok(f"the oldest row is {counted(transactions, 'transaction')} old")
