"""What the measuring commands share."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guestsql.sql._sync.pipeline import together
from tests.benchmarks.measuring import in_turn, percentiles, replace_section, table, wal_bytes
from tests.benchmarks.peers.relay import relay

pytestmark = pytest.mark.once


def test_a_section_is_replaced_between_its_lines(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- peers -->\nold\n<!-- /peers -->\nafter\n", encoding="utf-8")
    replace_section(page, "peers", "\nnew\n\n")
    replace_section(page, "peers", table(["what", "ratio"], [["hit", None]]))
    assert page.read_text(encoding="utf-8").splitlines() == [
        *("before", "<!-- peers -->", "| what | ratio |", "| --- | --- |", "| hit |  |", "<!-- /peers -->", "after")
    ]
    assert list(tmp_path.iterdir()) == [page]
    with pytest.raises(ValueError, match="has no section soak: write <!-- soak -->"):
        replace_section(page, "soak", "")


def test_works_take_turns_and_each_round_begins_with_another():
    order: list[str] = []
    works = {name: lambda calls, name=name: order.append(name) or [0.5] * calls for name in "abc"}
    taken = in_turn(works, seconds=0, calls=2, rounds=3)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert taken == {name: [0.5] * 6 for name in "abc"}
    assert percentiles(taken["a"]) == {"p10": 0.5, "p50": 0.5, "p95": 0.5}


def test_a_relay_counts_round_trips_and_wal_is_measured(empty_database_url, autocommit):
    server = conninfo_to_dict(empty_database_url)
    with (
        relay(Path(str(server["host"])) / f".s.PGSQL.{server['port']}") as counted,
        psycopg.connect(make_conninfo(empty_database_url, host=str(counted.folder)), autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE notes (note text)")
        before = counted.round_trips
        with wal_bytes(autocommit) as wal:
            connection.execute("INSERT INTO notes VALUES (%s)", ["x" * 5000])
        with together(connection):  # psycopg's own pipeline may be answered in between
            for _ in range(3):
                connection.execute("SELECT 1")
        assert counted.round_trips == before + 2
        assert wal.bytes > 0
