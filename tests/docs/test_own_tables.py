"""The examples of docs/own-tables.md and of the page of GS801."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql.check import check_files, scratch_database
from guestsql.check.coverage import Coverage
from guestsql.embedded import PrivateServer
from guestsql.guests.hooks import GUEST_TABLE, HOOKS, KEY_COLUMNS, KEY_COMMENT
from guestsql.settings import Settings
from tests.checking import MARKED, told

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "own-tables.md").read_text(encoding="utf-8")
SQL = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_example_runs(
    database_url: str, autocommit: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, queries = SQL.findall(PAGE)
    autocommit.execute(table.encode())
    folder = tmp_path / "queries"
    folder.mkdir()
    (folder / "bookings.sql").write_text(queries)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("GUESTSQL_QUERIES_DIR", str(folder))
    [code] = PYTHON.findall(PAGE)
    exec(compile(code, "docs/own-tables.md", "exec"), {"__name__": "docs"})


@pytest.mark.parametrize("page", ["own-tables.md", "rules/GS801.md"])
def test_the_check_is_content_with_the_queries_only(page: str, server: PrivateServer, tmp_path: Path) -> None:
    table, *wrong, right = SQL.findall((DOCS / page).read_text(encoding="utf-8"))
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "0001_table.sql").write_text(table)
    settings = Settings(migrations_dir=migrations)
    coverage = Coverage(HOOKS, KEY_COLUMNS, KEY_COMMENT, GUEST_TABLE, list(migrations.iterdir()))
    for text, expected in ((wrong[0] if wrong else "", {"GS801"}), (right, set())):
        file = tmp_path / "own.sql"
        file.write_text(text)
        scratch = scratch_database(settings, server.url())
        found = check_files([file], scratch, beside=MARKED, coverage=coverage).findings
        assert {each.rule for each in found} == expected, told(found)


def test_the_page_names_what_the_check_recognises() -> None:
    for name in (*KEY_COLUMNS, KEY_COMMENT):
        assert f"`{name}`" in PAGE
    for hook in HOOKS.values():
        assert f"| `on: {hook.name}` | {', '.join(f'`{each}`' for each in hook.parameters)} |" in PAGE
