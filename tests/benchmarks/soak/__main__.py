"""`make soak`: a day of messages, 1,000 times as fast, again and again, with bursts and two deploys.

    MINUTES=20      for how long; below 12 a day is shorter, because there are eight at least
    MESSAGES=3000   of a day that lasts 86 seconds
    SEED=1          who writes when

Exit 1 when a figure rises by more than its bound, or a message was not answered exactly once.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import psycopg

from guestsql.embedded import PrivateServer
from tests.benchmarks.measuring import disk_server
from tests.benchmarks.soak.bots import Answers
from tests.benchmarks.soak.day import DAY_SECONDS, messages_of_a_day
from tests.benchmarks.soak.deploys import Fleet
from tests.benchmarks.soak.hotel import GUESTS, fill, remove_a_day
from tests.benchmarks.soak.report import Measured, write_report
from tests.benchmarks.soak.samples import Sampler
from tests.server import run_command

_SPEED = 1000
_LEAST_DAYS = 8
_DATABASE = "soak"
_COUNTS: Mapping[str, LiteralString] = {
    "messages stored": "SELECT count(*) FROM messages WHERE message_id LIKE 'soak-%'",
    "interactions counted": "SELECT sum(total_interactions) FROM guest_profiles",
    "replies sent": "SELECT count(*) FROM outbox WHERE state = 'sent' AND message_id LIKE 'soak-%'",
}
_PATIENCE_SECONDS = 60.0
# A day lasts 86 s, so autovacuum has to look more often than once a minute.
_SETTINGS = {"autovacuum_naptime": "2s", "autovacuum_vacuum_scale_factor": "0.05"}


def main() -> int:
    """Replay, measure and report."""
    seconds = float(os.environ.get("MINUTES", "20")) * 60
    days = max(_LEAST_DAYS, round(seconds * _SPEED / DAY_SECONDS))
    day_seconds = seconds / days
    messages = int(int(os.environ.get("MESSAGES", "3000")) * day_seconds * _SPEED / DAY_SECONDS)
    with disk_server(**_SETTINGS) as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {_DATABASE}")
        fill(server.url(_DATABASE), days=days + 1, messages=messages)
        measured = _soak(server, days, day_seconds, messages)
    write_report(measured)
    for name, rise in measured.rises.items():
        sys.stdout.write(f"{name}: {rise:+.1%}\n")
    sys.stdout.write("".join(f"{fault}\n" for fault in measured.faults))
    sys.stdout.write("flat\n" if measured.is_flat else "NOT flat\n")
    return int(not measured.is_flat or bool(measured.faults))


def _soak(server: PrivateServer, days: int, day_seconds: float, messages: int) -> Measured:
    url = server.url(_DATABASE)
    chance = random.Random(int(os.environ.get("SEED", "1")))
    plan = [messages_of_a_day(messages, GUESTS, chance) for _ in range(days)]
    answers = Answers()
    fleet = Fleet(url, answers)
    started = time.monotonic()
    sampler = Sampler(url, fleet.first.process.pid, server.pid, started)
    sampler.start()
    try:
        for day in range(days):
            if day in (days // 3, 2 * days // 3):
                fleet.deploy(migrates=day == 2 * days // 3)
            _replay(fleet, plan, day, started + day * day_seconds, day_seconds)
            remove_a_day(url, days - day)
        _wait_for_replies(url, sum(map(len, plan)))
        fleet.end()
    finally:
        sampler.stop()
        fleet.kill()
    measured = _by_day(sampler, answers, [len(each) for each in plan], day_seconds)
    faults = _faults(url, fleet, answers, sum(map(len, plan)))
    if len(measured) < days:
        faults.append(f"{days - len(measured)} days without samples or answers")
    return Measured(day_seconds, measured, answers.outcomes, faults, fleet.migration_seconds)


def _replay(fleet: Fleet, plan: Sequence[Sequence[tuple[float, str]]], day: int, begins: float, seconds: float) -> None:
    first = sum(len(each) for each in plan[:day])
    for number, (at, guest) in enumerate(plan[day], first):
        due = begins + at / DAY_SECONDS * seconds
        time.sleep(max(0.0, due - time.monotonic()))
        fleet.deliver(number, guest, due)
    time.sleep(max(0.0, begins + seconds - time.monotonic()))


def _wait_for_replies(url: str, messages: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while _count(connection, "replies sent") < messages and time.monotonic() < deadline:
            time.sleep(0.1)


def _by_day(sampler: Sampler, answers: Answers, counts: Sequence[int], day_seconds: float) -> list[dict[str, float]]:
    days: list[dict[str, float]] = []
    first = 0
    for day, count in enumerate(counts):
        samples = [figures for second, figures in sampler.samples if int(second // day_seconds) == day]
        seconds = [answers.seconds[number] for number in range(first, first + count) if number in answers.seconds]
        first += count
        if samples and len(seconds) > 1:
            cuts = statistics.quantiles(seconds, n=100, method="inclusive")
            medians = {name: float(statistics.median(sample[name] for sample in samples)) for name in samples[0]}
            days.append({"messages": count, "p50_seconds": cuts[49], "p99_seconds": cuts[98], **medians})
    return days


def _faults(url: str, fleet: Fleet, answers: Answers, messages: int) -> list[str]:
    faults = [f"{count} messages failed: {name}" for name, count in answers.outcomes.items() if name != "ok"]
    faults += [f"a bot ended with {code}" for code in fleet.exit_codes if code]
    faults += [f"a deploy failed: {error}" for error in fleet.errors]
    with psycopg.connect(url, autocommit=True) as connection:
        counts = {what: _count(connection, what) for what in _COUNTS}
    wrong = {what: count for what, count in counts.items() if count != messages}
    return [*faults, *(f"{count} {what}, but {messages} messages were delivered" for what, count in wrong.items())]


def _count(connection: psycopg.Connection[Any], what: str) -> int:
    row = connection.execute(_COUNTS[what]).fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    run_command(main)
