"""`guestsql stubs`: what it writes, what it compares, and when it asks a server."""

from __future__ import annotations

import pytest

from tests.cli.shell import invoke

NOWHERE = "postgresql://nobody:hidden@127.0.0.1:1/none"
QUERY = """\
-- name: get_thread_id(phone_number)$
-- The guest's thread.
--   phone_number: text, the guest's key
SELECT thread_id FROM guest_profiles WHERE phone_number = :phone_number::text;
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of queries in the working directory."""
    queries = tmp_path / "queries"
    queries.mkdir()
    (queries / "threads.sql").write_text(QUERY, encoding="utf-8")
    monkeypatch.setenv("GUESTSQL_QUERIES_DIR", str(queries))
    return queries


def test_the_shipped_stubs_are_right_and_no_server_is_asked():
    result = invoke("stubs", "--check", "--server", NOWHERE)
    assert (result.exit_code, result.stdout) == (0, ""), "run guestsql stubs"
    assert result.stderr.endswith("queries, nothing has changed\n")


def test_comments_and_blank_space_in_the_sql_change_nothing(server, folder):
    assert invoke("stubs", "--out", "hotel_queries", "--server", server.url()).exit_code == 0
    text = QUERY.replace("text;", "text\n    -- so\n    ;").replace("\n", "\r\n")
    (folder / "threads.sql").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert invoke("stubs", "--check", "--out", "hotel_queries", "--server", NOWHERE).exit_code == 0


def test_a_package_is_written_once(server, folder, tmp_path):
    result = invoke("stubs", "--out", "hotel_queries", "--server", server.url())
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "".join(
        f"stubs: wrote hotel_queries/{name}\n" for name in ("__init__.py", "__init__.pyi", "rows.py", "rows.pyi")
    )
    assert sorted(path.name for path in (tmp_path / "hotel_queries").iterdir()) == [
        "__init__.py",
        "__init__.pyi",
        "py.typed",
        "rows.py",
        "rows.pyi",
    ]
    text = (tmp_path / "hotel_queries" / "__init__.pyi").read_text(encoding="utf-8")
    assert '    ) -> str | None:\n        """The guest\'s thread.\n' in text
    again = invoke("stubs", "--out", "hotel_queries", "--server", NOWHERE)
    assert (again.exit_code, again.stderr) == (0, "stubs: 1 query, nothing has changed\n")
    assert folder.is_dir()


def test_drift_is_shown_and_fails(server, folder):
    assert invoke("stubs", "--out", "hotel_queries", "--server", server.url()).exit_code == 0
    (folder / "threads.sql").write_text(QUERY.replace("SELECT thread_id", "SELECT thread_tokens"), encoding="utf-8")
    result = invoke("stubs", "--check", "--out", "hotel_queries", "--server", server.url())
    assert result.exit_code == 1
    assert "-    ) -> str | None:\n+    ) -> int | None:\n" in result.stdout
    stale = "stubs: out of date: __init__.pyi"
    assert result.stderr == f"{stale}; run guestsql stubs --out hotel_queries\n"


def test_an_edited_stub_fails(server, folder, tmp_path):
    assert invoke("stubs", "--out", "hotel_queries", "--server", server.url()).exit_code == 0
    path = tmp_path / "hotel_queries" / "__init__.pyi"
    path.write_text(path.read_text(encoding="utf-8").replace("str | None", "str"), encoding="utf-8")
    assert invoke("stubs", "--check", "--out", "hotel_queries", "--server", server.url()).exit_code == 1
    path.unlink()
    assert invoke("stubs", "--check", "--out", "hotel_queries", "--server", server.url()).exit_code == 1
    assert folder.is_dir()


def test_an_own_migration_is_drift_when_it_changes_a_type(server, folder, tmp_path, monkeypatch):
    arguments = ("--out", "hotel_queries", "--server", server.url())
    (folder / "threads.sql").write_text(QUERY.replace(")$", ")^"), encoding="utf-8")
    assert invoke("stubs", *arguments).exit_code == 0
    (tmp_path / "migrations").mkdir()
    monkeypatch.setenv("GUESTSQL_MIGRATIONS_DIR", "migrations")
    more = tmp_path / "migrations" / "0001_more.sql"
    more.write_text("CREATE INDEX more ON guest_profiles (thread_tokens);", encoding="utf-8")
    result = invoke("stubs", "--check", *arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "stubs: queries or migrations have changed; the types are the same\n"
    more.write_text("ALTER TABLE guest_profiles ALTER thread_id SET NOT NULL;", encoding="utf-8")
    result = invoke("stubs", "--check", *arguments)
    assert result.exit_code == 1
    assert "-    thread_id: str | None\n+    thread_id: str\n" in result.stdout


@pytest.mark.usefixtures("folder")
def test_a_server_is_asked_when_something_has_changed():
    result = invoke("stubs", "--check", "--out", "hotel_queries", "--server", NOWHERE)
    assert result.exit_code == 4
    assert "hidden" not in result.output


@pytest.mark.usefixtures("folder")
def test_the_stubs_beside_the_package_are_not_of_another_folder():
    result = invoke("stubs", "--server", NOWHERE)
    assert result.exit_code == 2
    assert "--out" in result.stderr


@pytest.mark.usefixtures("folder")
def test_a_package_must_have_a_name_that_can_be_imported():
    assert invoke("stubs", "--out", "hotel-queries", "--server", NOWHERE).exit_code == 2


@pytest.mark.usefixtures("folder")
def test_what_somebody_wrote_is_not_overwritten(server, tmp_path):
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "__init__.py").write_text("import os\n", encoding="utf-8")
    result = invoke("stubs", "--out", "bot", "--server", server.url())
    assert result.exit_code == 1
    assert "__init__.py was not written by guestsql stubs" in result.stderr
    assert [path.name for path in (tmp_path / "bot").iterdir()] == ["__init__.py"]


def test_a_query_that_the_server_refuses_is_named(server, folder):
    (folder / "threads.sql").write_text(QUERY.replace("SELECT thread_id", "SELECT tread_id"), encoding="utf-8")
    result = invoke("stubs", "--out", "hotel_queries", "--server", server.url())
    assert result.exit_code == 1
    assert "the server refuses get_thread_id (guestsql check shows where and why)" in result.stderr


def test_a_file_that_cannot_be_read_is_reported(folder):
    (folder / "threads.sql").write_text("-- name: broken\n", encoding="utf-8")
    result = invoke("stubs", "--out", "hotel_queries", "--server", NOWHERE)
    assert result.exit_code == 1
    assert "threads.sql:1" in result.stderr


def test_check_holds_the_files_against_the_stubs_that_are_named(server, folder, tmp_path):
    assert invoke("stubs", "--out", "hotel_queries", "--server", server.url()).exit_code == 0
    (tmp_path / "bot.py").write_text("print(db.queries.get_thread_id(phone_number='1'))\n", encoding="utf-8")
    (folder / "threads.sql").write_text(QUERY.replace("SELECT thread_id", "SELECT thread_tokens"), encoding="utf-8")
    assert invoke("check", "--server", server.url()).exit_code == 0
    result = invoke("check", "--server", server.url(), "--stubs", "hotel_queries")
    assert result.exit_code == 1
    assert (
        "queries/threads.sql:4:8: GS601: breaking: get_thread_id returned str | None and returns int | None; "
        "called in bot.py:1\n"
    ) in result.stdout
    assert invoke("check", "--server", server.url(), "--stubs", "queries").exit_code == 2


def test_a_project_without_the_packaged_queries(server, tmp_path):
    """No guest, and no migration: the queries of a folder, checked, typed and run."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.guestsql]\nqueries = "sql"\nstubs = "my_queries"\npackaged = false\n', encoding="utf-8"
    )
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "numbers.sql").write_text(
        "-- name: get_sum(a, b)$\n-- The sum.\n--   a: int, any\n--   b: int = 2, any\n"
        "SELECT :a::int + :b::int AS total;\n",
        encoding="utf-8",
    )
    assert invoke("check", "--server", server.url()).stderr == "check: 1 query, nothing found\n"
    assert invoke("stubs", "--server", server.url()).exit_code == 0
    assert "class Database(_guestsql.Database[Queries])" in (tmp_path / "my_queries" / "__init__.pyi").read_text(
        "utf-8"
    )
    assert invoke("stubs", "--check", "--server", NOWHERE).exit_code == 0
    result = invoke("query", "run", "get_sum", "-p", "a=40", "--format", "csv", DATABASE_URL=server.url())
    assert result.stdout.splitlines()[1:] == ["42"]
    assert "get_profile" not in invoke("query", "list").stdout
    assert invoke("query", "eject", "get_profile").exit_code == 2
