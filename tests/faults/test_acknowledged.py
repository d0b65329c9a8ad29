"""Whatever breaks while many write: what was acknowledged is stored, once, and no context is older than what it shows.

The long form, with every kind of fault, is `make faults`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acknowledged import report
from tests.acknowledged.checker import Verdict, check
from tests.acknowledged.journal import Journal, read_journals
from tests.acknowledged.places import Places
from tests.acknowledged.plan import GROUPS, KINDS, Round, Step, plan_round
from tests.acknowledged.rounds import Result, run_round
from tests.benchmarks import measuring
from tests.bouncer import find_bouncer

Connection = psycopg.Connection[Any]

SHORT = {
    "server killed": ["stop_at_once", "kill_writer", "kill_backend", "terminate_sessions", "fork", "lose_standby"],
    "cut during": ["cut_before", "cut_half", "cut_during", "cut_after"],
    "pooler": ["terminate_sessions", "cancel_statements"],
}
GUEST = "573000000001"


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with Places() as made:
        yield made


@pytest.mark.parametrize("kind", SHORT)
def test_nothing_acknowledged_is_lost_or_counted_twice(kind: str, places: Places) -> None:
    if kind == "pooler" and find_bouncer() is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    result = run_round(Round(0, kind, "suite", tuple(Step(fault, 15) for fault in SHORT[kind])), places)
    assert result.is_clean, str(result.as_line())
    assert result.verdict.acknowledged >= 15 * len(SHORT[kind])
    assert result.verdict.reads > 0


def test_a_plan_depends_on_the_seed_and_the_number_alone() -> None:
    rounds = [plan_round(number, 15) for number in range(2 * len(KINDS))]
    assert rounds == [plan_round(number, 15) for number in range(2 * len(KINDS))]
    assert {each.kind for each in rounds} == set(KINDS)
    assert [each.steps for each in rounds] != [plan_round(each.number, 16).steps for each in rounds]


def test_every_kind_is_drawn_once() -> None:
    assert sorted(kind for kinds in GROUPS.values() for kind in kinds) == sorted(KINDS)


def test_the_figures_of_a_finished_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (measuring, report):
        monkeypatch.setattr(module, "DOCS", tmp_path)
    page, path = tmp_path / "benchmarks.md", tmp_path / "report.jsonl"
    page.write_text("<!-- faults -->\n<!-- /faults -->\n")
    first, again, skipped = (Result(0, "server killed", "s 0", ["kill_server"], verdict=Verdict(7)) for _ in range(3))
    first.broken = "OSError"  # and was run again
    skipped.seed, skipped.skipped = "s 1", "no disk"
    path.write_text("".join(json.dumps(each.as_line()) + "\n" for each in (first, again, skipped)) + '{"number"')
    report.write_figures_of(path)
    assert "Rounds: 1, faults: 1, rounds skipped: 1. " in page.read_text()
    assert "| server killed | 1 | 1 | 7 | 0 | 0 |" in page.read_text()
    assert "server stops (1, 1)" in (tmp_path / "figures" / "faults.svg").read_text()


def test_the_checker_finds_what_it_is_for(tmp_path: Path, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO guest_profiles (phone_number, thread_id, thread_tokens, profile_data, total_interactions)"
        " VALUES (%s, 't1', 12, '{\"w\": 3}', 2)",
        [GUEST],
    )
    connection.execute("INSERT INTO guest_notes (phone_number, note) VALUES (%s, 'n1'), (%s, 'n1')", [GUEST, GUEST])
    journal = Journal(tmp_path / "journal")
    for line in (
        "sent tokens t1 5", "sent tokens t1 9", "done tokens t1 9", "failed tokens t1 5",  # 9 of 12
        "sent tokens t2 4", "done tokens t2 4",
        "sent note n1 1", "done note n1 1",
        "sent note n2 1", "together note:n1 note:n2",
        f"sent profile {GUEST}/w 3", f"sent profile {GUEST}/w 4", f"done profile {GUEST}/w 4",
        "sent forgotten 573000000009 1", "done forgotten 573000000009 1", "known message m1 1",
        f"sent forgotten {GUEST} 1", f"done forgotten {GUEST} 1",
        f"taken thread {GUEST} t9", "taken action 7", "taken action 7", "taken reply 1 r1 0", "taken reply 1 r1 1",
        "stale context", "foreign works KeyError",
    ):  # fmt: skip
        journal.note(line)
    journal.close()
    verdict = check(read_journals([tmp_path / "journal"]), connection)
    assert sorted(each.split(":")[0] for each in verdict.lost) == [
        "('forgotten', '573000000001')",
        "('message', 'm1')",
        f"('profile', '{GUEST}/w')",
        "('tokens', 't2')",
        f"threads of {GUEST}",
    ]
    assert [each.split(":")[0] for each in verdict.doubled] == [
        "('tokens', 't1')",
        "('note', 'n1')",
        "action 7 was handed out 2 times",
    ]
    assert len(verdict.torn) == 2
    assert (verdict.stale, verdict.foreign) == (["context"], ["works KeyError"])
