"""An own folder on top of the packaged queries: what it adds, what it replaces, and what a later release changes."""

from __future__ import annotations

import json
import re

import pytest

from guestsql.sql import load_catalogue, query_digest, scan_queries
from tests.checking import override
from tests.cli.shell import invoke
from tests.db.test_check_docs import DOCS

_EXAMPLE = re.compile(r"```sql\n(.*?)```", re.DOTALL)
ADDED = "-- name: get_answer()$\n-- The answer.\nSELECT 42 AS answer;\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    queries = tmp_path / "queries"
    queries.mkdir()
    monkeypatch.setenv("GUESTSQL_QUERIES_DIR", "queries")
    return queries


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def changed_since(file, old, new):
    """Make the override look as if guestsql had changed the packaged query: it was `new` when it was ejected."""
    original = file.parent / "originals" / file.name
    edit(original, old, new)
    before, _ = scan_queries(original.parent, packaged=False)
    digest = query_digest(before[file.stem])
    file.write_text(re.sub(r"sha256:\w+", digest, file.read_text(encoding="utf-8")), encoding="utf-8")


def test_one_file_adds_to_the_packaged_queries(folder):
    (folder / "mine.sql").write_text(ADDED, encoding="utf-8")
    assert {*load_catalogue(folder)} == {*load_catalogue(), "get_answer"}
    assert {*load_catalogue(folder, packaged=False)} == {"get_answer"}
    assert "get_answer" in invoke("query", "list").stdout


def test_a_name_that_is_taken(server, folder):
    (folder / "mine.sql").write_text(ADDED.replace("get_answer", "get_thread"), encoding="utf-8")
    (folder / "more.sql").write_text(ADDED.replace("get_answer", "claim_context"), encoding="utf-8")
    result = invoke("query", "list")
    assert result.exit_code == 1
    assert "query get_thread is defined here and at " in result.stderr
    assert (
        f"write -- overrides: get_thread {query_digest(load_catalogue()['get_thread'])} below its name" in result.stderr
    )
    found = json.loads(invoke("check", "--server", server.url(), "--format", "json").stdout)
    assert [(each["file"], each["line"], each["rule"]) for each in found] == [
        ("queries/mine.sql", 1, "GS005"),
        ("queries/more.sql", 1, "GS005"),
    ]


def test_an_ejected_query_does_what_the_packaged_one_does(server, folder):
    result = invoke("query", "eject", "get_thread")
    files = [line.removeprefix("query eject: wrote ") for line in result.stderr.splitlines()]
    assert files == ["queries/get_thread.sql", "queries/originals/get_thread.sql"]
    assert invoke("check", "--server", server.url()).stderr == "check: 1 query, nothing found\n"
    query, original = load_catalogue(folder)["get_thread"], load_catalogue()["get_thread"]
    assert (query.file.name, query.text, query.parameters) == ("get_thread.sql", original.text, original.parameters)
    again = invoke("query", "eject", "get_thread")
    assert (again.exit_code, "is already at queries/get_thread.sql:3" in again.stderr) == (1, True)


@pytest.mark.parametrize("name", ["claim_context", "get_thred"])
def test_what_cannot_be_ejected(folder, name):
    assert invoke("query", "eject", name).exit_code == 2
    assert list(folder.iterdir()) == []


def test_a_change_of_the_packaged_query_is_shown(server, folder, database_url):
    file = override(folder, "get_thread", lambda text: text.replace("The guest's", "Any"))
    changed_since(file, "    thread_id,\n", "")
    loaded = invoke("query", "show", "get_thread")
    assert loaded.exit_code == 0  # it stays in use
    result = invoke("check", "--server", server.url())
    assert result.exit_code == 1
    assert "GS009: guestsql has changed get_thread since this override was written\n" in result.stdout
    assert "    +    thread_id,\n" in result.stdout
    told = invoke("doctor", "--format", "table", DATABASE_URL=database_url).stdout
    assert "+    thread_id,\n" in told
    assert invoke("query", "eject", "get_thread", "--accept").exit_code == 0
    assert invoke("check", "--server", server.url()).exit_code == 0


def test_without_the_original_the_two_queries_are_compared(server, folder):
    file = override(folder, "get_thread", lambda text: text.replace("token_count,", "token_count, 1 AS floor,"))
    changed_since(file, "    thread_id,\n", "")
    (folder / "originals" / file.name).unlink()
    result = invoke("check", "--server", server.url())
    assert "because originals/get_thread.sql does not hold it" in result.stdout
    assert "    -    thread_tokens AS token_count, 1 AS floor,\n" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(phone_number)^", "(phone_number)", "the operator is none instead of ^"),
        ("(phone_number)", "(phone_number, floor)", "parameter floor is new"),
        (":phone_number::text", ":phone_number::text FOR UPDATE", "it writes or locks rows"),
        ("-- overrides:", "-- commit: async\n-- overrides:", "it has -- commit: async, and the packaged query waits"),
        ("overrides: get_thread", "overrides: get_profile", "says that it overrides get_profile"),
        ("sha256:", "sha1:", "cannot be read"),
        ("-- overrides:", "-- overrides: get_thread\n-- overrides:", "query get_thread has two overrides: lines"),
    ],
)
def test_an_override_that_cannot_be_called_is_refused_at_once(folder, old, new, said):
    file = override(folder, "get_thread", lambda text: text.replace(old, new, 1))
    if "floor" in new:
        edit(file, "    thread_id,\n", "    thread_id, :floor::int AS floor,\n")
    result = invoke("query", "list")
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("thread_tokens AS token_count", "thread_tokens AS tokens", "column token_count"),
        ("thread_tokens AS", "thread_tokens::text AS", "column token_count was int and is str"),
        ("thread_tokens AS", "nullif(thread_tokens, 0) AS", "column token_count was int and is int | None"),
        ("    phone_number,\n    thread_id,", "    thread_id,\n    phone_number,", "another order"),
    ],
)
def test_an_override_that_breaks_its_callers(server, folder, old, new, said):
    override(folder, "get_thread", lambda text: text.replace(old, new))
    result = invoke("check", "--server", server.url())
    assert (result.exit_code, "GS010" in result.stdout, said in result.stdout) == (1, True, True), result.stdout


def test_an_override_may_return_more_and_take_more(server, folder):
    def widen(text):
        text = text.replace("(phone_number)", "(phone_number, floor)")
        text = text.replace("--   phone_number", "--   floor: int = 1, any\n--   phone_number")
        return text.replace(
            "    thread_id,\n", "    coalesce(thread_id, '') AS thread_id,\n    :floor::int AS floor,\n"
        )

    override(folder, "get_thread", widen)
    result = invoke("check", "--server", server.url())
    assert (result.exit_code, result.stdout) == (0, "")


def test_an_override_of_what_is_gone_stays_in_use_and_is_reported(server, folder):
    (folder / "old.sql").write_text(ADDED.replace("answer.\n", "answer.\n-- overrides: get_answer\n"), encoding="utf-8")
    assert invoke("query", "show", "get_answer").exit_code == 0
    assert "which guestsql no longer has" in invoke("check", "--server", server.url()).stdout


@pytest.mark.parametrize("code", ["GS009", "GS010"])
def test_the_examples_of_a_page(server, folder, code):
    wrong, right = _EXAMPLE.findall((DOCS / "rules" / f"{code}.md").read_text(encoding="utf-8"))
    (folder / "q.sql").write_text(wrong, encoding="utf-8")
    found = json.loads(invoke("check", "--server", server.url(), "--format", "json").stdout)
    assert {each["rule"] for each in found} == {code}
    (folder / "q.sql").write_text(right, encoding="utf-8")
    assert invoke("check", "--server", server.url(), "--format", "json").stdout == "[]\n"
