"""The files of migrations/: what is accepted, what is refused and where, and which edits count."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestsql.errors import MigrationError
from guestsql.migrate import OWN, Migration, default_directory, new_migration, read_migrations
from guestsql.migrate.concurrent import ConcurrentIndex, concurrent_index
from guestsql.migrate.text import normalise, pieces
from guestsql.sql.scanner import tokenize
from tests.migrating import write_files

NO_TRANSACTION = "-- no-transaction\n"


def read(folder: Path, text: str, name: str = "0001_first.sql") -> Migration:
    write_files(folder, {name: text})
    return read_migrations(folder)[0]


def refusal(folder: Path, text: str) -> MigrationError:
    with pytest.raises(MigrationError) as caught:
        read(folder, text)
    return caught.value


def statements(migration: Migration) -> list[str]:
    return [" ".join(statement.words) for statement in migration.statements]


def test_the_packaged_files_are_read_in_order() -> None:
    migrations = read_migrations()
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))
    assert all(migration.file.parent == default_directory() for migration in migrations)


def test_other_and_hidden_files_are_left_alone(tmp_path: Path) -> None:
    names = {"README.md": "", ".0002_draft.sql": "\\", "0002_x.sql.orig": "", "0010_b.sql": "SELECT 1"}
    write_files(tmp_path, {"0002_a.sql": "SELECT 1;", **names})
    assert [(found.version, found.name) for found in read_migrations(tmp_path)] == [(2, "a"), (10, "b")]


@pytest.mark.parametrize(
    "name",
    ["1_a.sql", "0001-a.sql", "0001_A.sql", "0001_.sql", "0001_a__b.sql", "a.sql", "00001_a.sql", "r_a.sql", "R_A.sql"],
)
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, {name: "SELECT 1"})
    with pytest.raises(MigrationError, match="not the name of a migration") as caught:
        read_migrations(tmp_path)
    assert caught.value.file == tmp_path / name
    assert "0007_guest_notes.sql" in caught.value.hint


def test_numbers_come_before_times_and_repeatable_files_last(tmp_path: Path) -> None:
    names = ["R_b.sql", "20261129103000_time.sql", "0002_two.sql", "R_a.sql", "0001_one.sql"]
    write_files(tmp_path, dict.fromkeys(names, "SELECT 1;"))
    found = read_migrations(tmp_path, OWN)
    assert [(each.version, each.name) for each in found] == [
        (1, "one"),
        (2, "two"),
        (20261129103000, "time"),
        (0, "a"),
        (0, "b"),
    ]
    assert {each.series for each in found} == {OWN}


@pytest.mark.parametrize("digits", ["20261329103000", "20261129106000", "00000000000001"])
def test_a_timestamp_is_a_time(tmp_path: Path, digits: str) -> None:
    write_files(tmp_path, {f"{digits}_a.sql": "SELECT 1"})
    with pytest.raises(MigrationError, match=f"{digits} is not a time"):
        read_migrations(tmp_path)


def test_number_zero_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"0000_a.sql": "SELECT 1"})
    with pytest.raises(MigrationError, match="begin with 0001"):
        read_migrations(tmp_path)


def test_a_number_twice_names_both_files(tmp_path: Path) -> None:
    write_files(tmp_path, {"0001_a.sql": "SELECT 1", "0001_b.sql": "SELECT 1"})
    with pytest.raises(MigrationError, match=r"0001 is used twice: also by 0001_a\.sql") as caught:
        read_migrations(tmp_path)
    assert caught.value.file == tmp_path / "0001_b.sql"


def test_no_folder_and_an_empty_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no such folder"):
        read_migrations(tmp_path / "none")
    with pytest.raises(MigrationError, match="no migrations"):
        read_migrations(tmp_path)


@pytest.mark.parametrize("text", ["", "  \n", "-- only a comment\n", "/* a /* nested */ one */ ;;"])
def test_a_file_without_statement_is_refused(tmp_path: Path, text: str) -> None:
    assert "no statement" in refusal(tmp_path, text).message


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("SELECT 1;\n  COMMIT;", (2, 3), "COMMIT inside"),
        ("begin;\nSELECT 1;\nend;", (1, 1), "BEGIN inside"),
        ("SELECT 1;\nEND", (2, 1), "END inside"),
        ("SELECT '¡ñ😀';\tROLLBACK;", (1, 15), "ROLLBACK inside"),
        ("START TRANSACTION; SELECT 1", (1, 1), "START inside"),
        ("SAVEPOINT a; SELECT 1", (1, 1), "SAVEPOINT inside"),
        ("SELECT 1;\n\\i other.sql\n", (2, 1), "psql command"),
        ("SELECT 1 \\gset", (1, 10), "psql command"),
        ("SELECT 1;\nCOPY t FROM STDIN;\n", (2, 1), "COPY with the client's data"),
        ("SELECT 1;\ncopy t (a) from stdin;\n1\tO'Brien\n\\.\n", (2, 1), "COPY with the client's data"),
        ('COPY t FROM stdin WITH (FORMAT csv);\n"open\n\\.\nSELECT 1;\n', (1, 1), "COPY with the client's data"),
        ("COPY t FROM stdin;\n1\t\\N\n2\t$a$ /* \n\\.\n", (1, 1), "COPY with the client's data"),
        ("SELECT 1;\nCOPY (SELECT 1) TO STDOUT;\n", (2, 1), "COPY with the client's data"),
        ("\\echo it's\nSELECT 1;\n", (1, 1), "psql command"),
        ("SELECT 1;\nSELECT 'open", (2, 8), "unterminated string"),
        ("DO $a$ BEGIN END $b$;", (1, 4), "unterminated dollar quote"),
        ("SELECT 1;\n/* /* */", (2, 1), "unterminated block comment"),
        ("SELECT\n 'a\0b'", (2, 4), "NUL"),
    ],
)
def test_what_a_file_must_not_hold_is_refused_with_its_place(
    tmp_path: Path, text: str, place: tuple[int, int], message: str
) -> None:
    error = refusal(tmp_path, text)
    assert message in error.message
    assert (error.file, error.line, error.column) == (tmp_path / "0001_first.sql", *place)


@pytest.mark.parametrize(
    "text",
    [
        "COMMENT ON TABLE t IS 'COMMIT; BEGIN;'",
        "-- COMMIT;\nSELECT 1 /* ; ROLLBACK; */;",
        "DO $$ BEGIN PERFORM 1; END $$;",
        'CREATE TABLE "begin" (a int);',
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;",
        "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT 1; END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);",
        r"SELECT E'a\\b', 'c:\d';",
        "COPY t FROM '/srv/file'",
    ],
)
def test_what_only_looks_like_that_is_one_statement(tmp_path: Path, text: str) -> None:
    assert len(read(tmp_path, text).statements) == 1


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_bytes("SELECT 1;\n-- cotización".encode("latin-1"))
    with pytest.raises(MigrationError, match="not UTF-8") as caught:
        read_migrations(tmp_path)
    assert caught.value.line == 2


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    found = read(tmp_path, "\ufeff-- no-transaction\nVACUUM")
    assert found.text.startswith("--")
    assert not found.transactional


@pytest.mark.parametrize(
    "text",
    [
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);",
        "DROP INDEX CONCURRENTLY IF EXISTS i",
        "ALTER TYPE e ADD VALUE IF NOT EXISTS 'x'",
        "VACUUM t",
        "REINDEX INDEX CONCURRENTLY i",
    ],
)
def test_one_repeatable_statement_may_run_outside_a_transaction(tmp_path: Path, text: str) -> None:
    assert not read(tmp_path, NO_TRANSACTION + text).transactional


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("CREATE DATABASE d", 2, "by hand"),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", 2, "without CONCURRENTLY"),
        ("CREATE TABLE t (a int)", 2, "leave the first line out"),
        ("DROP OWNED BY r", 2, "leave the first line out"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", 2, "IF NOT EXISTS"),
        ("DROP INDEX CONCURRENTLY i", 2, "IF EXISTS"),
        ("ALTER TYPE e ADD VALUE 'x'", 2, "ADD VALUE IF NOT EXISTS"),
        ("INSERT INTO t VALUES (1)", 2, "leave the first line out"),
        ("VACUUM a;\nVACUUM b;", 3, "its own file"),
    ],
)
def test_anything_else_outside_a_transaction_is_refused(tmp_path: Path, text: str, line: int, hint: str) -> None:
    error = refusal(tmp_path, NO_TRANSACTION + text)
    assert error.line == line
    assert hint in error.hint


def test_the_mark_counts_on_the_first_line_only(tmp_path: Path) -> None:
    assert read(tmp_path, "-- about\n-- no-transaction\nSELECT 1").transactional


def test_the_earlier_texts_of_a_corrected_file_are_named_in_its_head(tmp_path: Path) -> None:
    one, two, later = ("0123456789abcdef"[at:] * 64 for at in (1, 2, 3))
    head = f"-- no-transaction\r\n\r\n-- about\n  --replaces: {one[:64]}\r\n-- replaces: {two[:64]}\n"
    found = read(tmp_path, f"{head}VACUUM t\n-- replaces: {later[:64]}\n")
    assert found.accepted == {found.checksum, one[:64], two[:64]}
    assert not found.transactional
    # A sentence is none of them.
    plain = read(tmp_path, "-- This replaces: x\n-- replaces the view\nSELECT 1;")
    assert plain.accepted == {plain.checksum}


@pytest.mark.parametrize("replaced", ["", "a" * 63, "A" * 64, "a" * 64 + " why"])
def test_a_malformed_checksum_of_an_earlier_text_is_refused(tmp_path: Path, replaced: str) -> None:
    error = refusal(tmp_path, f"-- about\n-- replaces: {replaced}\nSELECT 1;")
    assert error.line == 2
    assert "64 digits" in error.hint


def test_a_file_replaces_neither_itself_nor_a_repeatable_one(tmp_path: Path) -> None:
    own = read(tmp_path, "SELECT 1;").checksum
    assert "this file itself" in refusal(tmp_path, f"-- replaces: {own}\nSELECT 1;").message
    write_files(tmp_path, {"0001_first.sql": "SELECT 1", "R_view.sql": f"-- replaces: {own}\nSELECT 2;"})
    with pytest.raises(MigrationError, match="in a repeatable file"):
        read_migrations(tmp_path)


TOKENS = """
    CREATE TABLE t (a text DEFAULT 'it''s; ', b int[3] CHECK (b[1:2] <> '{}'::int[]), "c d" numeric(3,1) = -.5e3);
    CREATE FUNCTION f(int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE $1 WHEN 1 THEN 2 END; SELECT 3; END;
    SELECT $q$ a ; -- b $q$, E'\\';', data->'k' ?| array[:x], 7 % 2, U&'\\00e1', x.y.z
"""
ORIGINAL = "CREATE TABLE t (\n    a text DEFAULT 'x  y', -- why\n    b int\n);\nSELECT $$ two  \nlines $$;\n"


@pytest.mark.parametrize(
    "edited",
    [
        ORIGINAL.replace("\n", "\r\n"),
        ORIGINAL.replace("-- why", "/* another; reason */"),
        ORIGINAL.replace("    a text", "\ta\n\ttext"),
        ORIGINAL.replace("t (", "t("),
        "-- a new head\n\n" + ORIGINAL.rstrip("\n;"),
    ],
)
def test_blank_space_comments_and_line_ends_do_not_count(tmp_path: Path, edited: str) -> None:
    assert read(tmp_path / "b", edited).checksum == read(tmp_path / "a", ORIGINAL).checksum


@pytest.mark.parametrize(
    "edited",
    [
        ORIGINAL.replace("x  y", "x y"),
        ORIGINAL.replace("two  ", "two "),
        ORIGINAL.replace("b int", "b bigint"),
        ORIGINAL.replace("b int", "bint"),
        ORIGINAL.replace(" a ", ' "a" '),
        ORIGINAL.replace(");", "); SELECT 1;", 1),
    ],
)
def test_everything_else_counts(tmp_path: Path, edited: str) -> None:
    assert read(tmp_path / "b", edited).checksum != read(tmp_path / "a", ORIGINAL).checksum


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_blank_space_anywhere_between_tokens_does_not_count(data: st.DataObject) -> None:
    # Each begins with a space: a minus followed by a comment would be a longer comment.
    blank = st.sampled_from([" ", " \n", " \r\n\t", " -- it's; $$\n", " /* ' /* \" */ ; */", " \n /**/ "])
    written = [token.text for token in tokenize(TOKENS) if not token.is_blank]
    spread = "".join(piece + data.draw(blank) for piece in written)
    assert normalise(pieces(spread)) == normalise(pieces(TOKENS))
    assert len(list(pieces(spread))) == len(list(pieces(TOKENS))) == 3


def test_operators_do_not_grow_together(tmp_path: Path) -> None:
    assert read(tmp_path / "a", "SELECT 1 < = 2").checksum != read(tmp_path / "b", "SELECT 1 <= 2").checksum
    assert read(tmp_path / "a", "SELECT 1=-1").checksum == read(tmp_path / "b", "SELECT 1 = - 1").checksum
    assert read(tmp_path / "a", "SELECT 1 @-1").checksum != read(tmp_path / "b", "SELECT 1 @ -1").checksum
    assert read(tmp_path / "a", "SELECT 1 - -1").body == "SELECT 1 - - 1;\n"


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS Idx_A ON t (a)", ConcurrentIndex("idx_a", "t")),
        (
            'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "Idx ""A" ON ONLY s . "T" USING btree (a)',
            ConcurrentIndex('Idx "A', 's."T"'),
        ),
        ("CREATE INDEX IF NOT EXISTS concurrently_named ON t (a)", None),
        ("DROP INDEX CONCURRENTLY IF EXISTS i", None),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS", None),
    ],
)
def test_the_index_of_a_concurrent_build_is_found(tmp_path: Path, text: str, index: ConcurrentIndex | None) -> None:
    assert concurrent_index(read(tmp_path, NO_TRANSACTION + text).statements[0]) == index


def test_new_takes_the_next_number_and_has_to_be_filled(tmp_path: Path) -> None:
    assert new_migration("First things", tmp_path).name == "0001_first_things.sql"
    path = new_migration("  Guest-notes v2 ", tmp_path)
    assert path.name == "0002_guest_notes_v2.sql"
    assert path.read_text().startswith("-- Guest notes v2.\n")
    with pytest.raises(MigrationError, match="no statement"):
        read_migrations(tmp_path)


def test_new_continues_timestamps_even_when_the_clock_is_behind(tmp_path: Path) -> None:
    now = datetime(2026, 11, 29, 10, 30, 59, tzinfo=UTC)
    write_files(tmp_path, {"9999_last.sql": "SELECT 1;", "R_view.sql": "SELECT 1;"})
    assert new_migration("one", tmp_path, now=now).name == "20261129103059_one.sql"
    assert new_migration("two", tmp_path, now=now).name == "20261129103100_two.sql"


@pytest.mark.parametrize("name", ["", "  ", "../up", "7th", "año", "a/b", "x;y"])
def test_new_refuses_a_name_that_makes_no_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(MigrationError, match="no migration can be named"):
        new_migration(name, tmp_path)
    assert not list(tmp_path.iterdir())
