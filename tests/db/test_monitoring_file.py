"""All of queries/monitoring_*.sql: documented, and runnable as they are, in psql, too; test_roles.py asks who may.

The analyses run in psql as well; test_analytics.py has the rest of them.
"""

from __future__ import annotations

import re
import subprocess
from typing import Any

import psycopg
import pytest

from guestsql.embedded._binaries import find_binaries
from guestsql.sql import Operator, Query
from tests.monitoring import ANALYSES, QUERIES, ask
from tests.server import pg_bin

Connection = psycopg.Connection[Any]


def test_the_files_are_there() -> None:
    assert len(QUERIES) >= 30


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_can_be_run_as_it_is(query: Query) -> None:
    """Documented, every parameter with a default; a list takes max_rows."""
    assert query.doc
    for parameter in query.parameters:
        assert parameter.type, parameter
        assert parameter.default is not None, parameter
        assert parameter.doc, parameter
    is_list = query.operator is Operator.ROWS
    assert is_list == query.name.startswith("list_")
    assert is_list == ("max_rows" in {parameter.name for parameter in query.parameters})
    if is_list:
        assert query.source.rstrip().endswith("LIMIT :max_rows::int")


def test_every_query_only_reads(connection: Connection) -> None:
    connection.execute("SET TRANSACTION READ ONLY")
    for name in QUERIES:
        ask(connection, name)


def test_every_query_in_psql(database_url: str) -> None:
    """The text of the file, with the defaults of its comments as psql's variables; no tool of ours in between."""
    queries = {**QUERIES, **{name: query for name, query in ANALYSES.items() if name.startswith("list_")}}
    lines: list[str] = []
    for query in queries.values():
        lines += [rf"\set {each.name} '{_quoted(each.default)}'" for each in query.parameters]
        lines += [f"{query.source};", rf"\echo done {query.name}"]
    binaries = find_binaries(pg_bin())
    done = subprocess.run(
        [str(binaries.bin_dir / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", database_url],
        input="BEGIN READ ONLY;\n" + "\n".join(lines) + "\nROLLBACK;\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^done (\w+)$", done.stdout, re.MULTILINE) == list(queries)


def _quoted(literal: str | None) -> str:
    return (literal or "").replace("'", r"\'")
