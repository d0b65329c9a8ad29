"""Marked queries: in which order they run, and that a running bot takes up no mark that cannot work."""

from __future__ import annotations

import os
from pathlib import Path

from guestsql.sql import Operator, default_directory, read_queries
from guestsql.sql.folder import Folder
from guestsql.sql.hooks import Hook, hook_faults, hook_reader, hooked_queries, subject_of

HOOKS = {"close_day": Hook("close_day", ("day",), (Operator.COUNT,))}
QUERY = "-- name: {}(day)!\n-- on: {}\n--   day: date, which\nDELETE FROM days WHERE day = :day::date;\n"


def test_own_queries_run_before_packaged_ones_and_the_last_after_all_others() -> None:
    packaged = [("sum_rooms", "close_day"), ("end_day", "close_day, last"), ("count_rooms", "close_day")]
    own = [
        ("warn_staff", "close_day"),
        ("end_own_day", "close_day , last"),
        ("bill_all", "close_day"),
        ("x_y", "other"),
    ]
    queries = [
        query
        for folder, written in ((default_directory(), packaged), (Path("/own"), own))
        for query in read_queries("".join(QUERY.format(*each) for each in written).encode(), folder / "a.sql")[0]
    ]
    names = [query.name for query in hooked_queries(queries, "close_day")]
    assert names == ["bill_all", "warn_staff", "count_rooms", "sum_rooms", "end_own_day", "end_day"]
    assert [subject_of(query) for query in queries[:2]] == ["rooms", "day"]


def test_a_mark_that_is_given_twice_is_refused() -> None:
    text = QUERY.format("end_day", "close_day\n-- The guests stay.\n-- on: close_day, last")
    [query] = read_queries(text.encode(), Path("a.sql"))[0]
    [fault] = hook_faults(query, HOOKS)
    assert (fault.message, fault.mark.line) == ("end_day has on: close_day twice, in lines 2 and 4", 4)


def test_an_edit_with_a_faulty_mark_is_no_query(tmp_path: Path) -> None:
    folder = Folder(tmp_path, read=hook_reader(HOOKS))
    file = tmp_path / "a.sql"
    file.write_text(QUERY.format("end_day", "close_day"))
    folder.changed()
    scan = folder.changed()
    assert scan is not None
    assert (list(scan.catalogue), scan.errors) == (["end_day"], [])
    file.write_text(QUERY.format("end_day", "close_night"))
    os.utime(file, ns=(1, 1))
    folder.changed()
    scan = folder.changed()
    assert scan is not None
    assert list(scan.catalogue) == []
    [error] = scan.errors
    assert (error.message, error.line, error.hint) == (
        "no method runs queries on: close_night",
        2,
        "write one of close_day",
    )
