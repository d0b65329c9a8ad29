"""Measure fail-overs and reads on a standby, and write docs/figures/failover.* and the section of docs/benchmarks.md.

ROUNDS=20 of each kind, READS=100000. With fewer it only prints.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from tests.benchmarks.measuring import DOCS, machine, replace_section, table, write_chart, write_figures
from tests.failover.rounds import Bots, Found, Round, pages_of, run_round
from tests.standby import ServerGroup, server_group

_ROUNDS = int(os.environ.get("ROUNDS", "20"))
_READS = int(os.environ.get("READS", "100000"))
_IS_WHOLE = _ROUNDS >= 20 and _READS >= 100_000
_RECOVERY_SECONDS = 5.0
_KINDS = ("sync", "async", "sync", "async")
_TITLE = "Seconds from the promotion until every process works again"
_LOOKUPS = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'guest_profiles_pkey'"


def main() -> int:
    """Run everything; 1 if an aim is missed."""
    with ExitStack() as stack:
        synchronous = _measure_rounds(stack, 3, is_synchronous=True)
        asynchronous = _measure_rounds(stack, 2, is_synchronous=False)
        reads = _measure_reads(stack)
    data = {"machine": machine(), "synchronous": synchronous, "asynchronous": asynchronous, "reads": reads}
    sys.stdout.write(f"{_report(data)}\n")
    if _IS_WHOLE:
        write_figures("failover", data)
        _draw(data)
        section = f"![{_TITLE}](figures/failover.svg)\n\n{_report(data)}"
        replace_section(DOCS / "benchmarks.md", "failover", section)
    missed = _missed(data)
    sys.stdout.write("\n".join([*missed, ""]) if missed else "every aim is reached\n")
    return 1 if missed else 0


def _measure_rounds(stack: ExitStack, servers: int, *, is_synchronous: bool) -> dict[str, Any]:
    """Run the rounds; without synchronous replication, report what was lost and when it was acknowledged."""
    kind = "synchronous" if is_synchronous else "asynchronous"
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    rounds: list[Round] = []
    with server_group(servers, is_synchronous=is_synchronous) as group, Bots(group, folder) as bots:
        with pages_of(group.url()) as pages:
            bots.start(*_KINDS)
            pages.wait()
            for number in range(_ROUNDS):
                rounds.append(run_round(group, bots, pages))
                group.rebuild()
                sys.stderr.write(f"{kind} round {number + 1}: {rounds[-1].recovery:.2f} s\n")
        bots.stop()
        found = _compare(group, bots)
    before = [min(abs(each.killed_at - at) for each in rounds) for at in found.lost]
    return {
        "servers": servers,
        "rounds": [asdict(each) for each in rounds],
        "acknowledged": found.acknowledged,
        "lost": len(found.lost),
        "doubled": found.doubled,
        "reads": found.reads,
        "stale": found.stale if is_synchronous else None,  # otherwise a rename may be lost
        "lost_within_seconds": max(before, default=0.0),
    }


def _measure_reads(stack: ExitStack) -> dict[str, Any]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    with server_group(2) as group, Bots(group, folder, writers=1, readers=4) as bots:
        bots.start(*_KINDS)
        while _compare(group, bots).reads < _READS:
            bots.wait_for(_READS // 10)
        bots.stop()
        found = _compare(group, bots)
        with psycopg.connect(group.standbys[0].url()) as connection:
            row = connection.execute(_LOOKUPS).fetchone()
    assert row is not None
    return {"reads": found.reads, "stale": found.stale, "lookups_on_the_standby": row[0], "processes": len(_KINDS)}


def _compare(group: ServerGroup, bots: Bots) -> Found:
    with psycopg.connect(group.primary.url(), autocommit=True) as connection:
        return bots.compare(connection)


def _report(data: dict[str, Any]) -> str:
    rows: list[list[object]] = []
    for kind in ("synchronous", "asynchronous"):
        found = data[kind]
        recoveries = [each["recovery"] for each in found["rounds"]]
        loss = f"{found['lost']:,}"
        if found["lost"]:
            loss += f", acknowledged within {found['lost_within_seconds'] * 1000:.0f} ms of a kill"
        rows.append(
            [
                f"{kind}, {found['servers']} servers",
                len(recoveries),
                f"{statistics.median(recoveries):.2f} s",
                f"{max(recoveries):.2f} s",
                f"{found['acknowledged']:,}",
                loss,
                found["doubled"],
                "" if found["stale"] is None else f"{found['stale']} of {found['reads']:,}",
            ]
        )
    reads = data["reads"]
    head = ["replication", "rounds", "recovery, median", "longest", "acknowledged", "lost", "doubled", "stale reads"]
    about = ", ".join(f"{name} {value}" for name, value in data["machine"].items())
    shares = (
        f"Reads after writes of the same process, without a fault: {reads['stale']} stale of {reads['reads']:,}, in"
        f" {reads['processes']} processes; the standby ran {reads['lookups_on_the_standby']:,} lookups."
    )
    return f"{table(head, rows)}\n{shares}\n\n{about}"


def _draw(data: dict[str, Any]) -> None:
    kinds = ("synchronous", "asynchronous")
    rounds = zip(*(data[kind]["rounds"] for kind in kinds), strict=True)
    rows = [
        {"round": place, **{kind: round(each["recovery"], 3) for kind, each in zip(kinds, pair, strict=True)}}
        for place, pair in enumerate(rounds, 1)
    ]
    mark = f"line x=round y={','.join(kinds)}"
    write_chart("failover", mark, rows, title=_TITLE)


def _missed(data: dict[str, Any]) -> list[str]:
    synchronous, asynchronous, reads = data["synchronous"], data["asynchronous"], data["reads"]
    longest = max(each["recovery"] for kind in (synchronous, asynchronous) for each in kind["rounds"])
    aims = {
        f"recovery within {_RECOVERY_SECONDS:g} s": longest <= _RECOVERY_SECONDS,
        "no acknowledged write lost with synchronous replication": synchronous["lost"] == 0,
        "nothing doubled": synchronous["doubled"] == asynchronous["doubled"] == 0,
        "no stale read": synchronous["stale"] == reads["stale"] == 0,
    }
    return [f"MISSED: {aim}" for aim, is_reached in aims.items() if not is_reached]


if __name__ == "__main__":
    sys.exit(main())
