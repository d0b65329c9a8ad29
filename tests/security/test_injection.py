"""A hostile text in every parameter, value, id, header and file name comes back as data, and changes no table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import psycopg
import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from guestsql import GuestDatabase
from guestsql.cli.main import guestsql
from guestsql.errors import GuestSQLError
from guestsql.sql import Query, arrange
from guestsql.sql.samples import sample_values
from guestsql.sql.type_names import element_type, plain_type
from tests.checking import every_query
from tests.cli.shell import invoke
from tests.databases import GUEST, make_settings
from tests.pages.serving import page_client, page_state, sql_file

pytestmark = pytest.mark.once

Connection = psycopg.Connection[Any]

HOSTILE = "../x'\"); DROP TABLE guest_profiles; -- $$ $1 %s :a \\ {x} <script>&\u202e"
ARRAY = '{"' + HOSTILE.replace("\\", "\\\\").replace('"', '\\"') + '"}'
SHAPE = """
SELECT count(*), max(relname), (SELECT count(*) FROM guest_profiles), (SELECT count(*) FROM pg_proc),
    (SELECT count(*) FROM pg_roles)
FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = 'public'::regnamespace
"""
# 22: it is no value of the type; 23 and P0: a constraint or a function refuses it; 42501: so does a right.
REFUSED = ("22", "23", "P0", "42501", "55000")
# Files whose tables are not in every database.
ABSENT = {"migrations.sql", "demo.sql", "demo_figures.sql"}
# They have the server parse the name of a type.
PARSES = {"list_type_oids", "list_sample_types"}
# These serve until they are stopped, or hand everything on to another program.
ENDLESS = {"demo", "health", "monitor", "psql", "serve", "serve-metrics", "server"}


@pytest.mark.parametrize("is_text", [True, False], ids=["texts", "other types"])
def test_every_parameter_of_every_query(connection: Connection, is_text: bool) -> None:
    connection.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    shape = connection.execute(SHAPE).fetchone()
    tried = 0
    for query in every_query().values():
        if query.file.name in ABSENT or query.name in PARSES:
            continue
        for given in _hostile(query, is_text=is_text):
            tried += 1
            with connection.transaction(force_rollback=True):
                try:
                    psycopg.RawCursor(connection).execute(query.text.encode(), arrange(query, given))
                except psycopg.Error as error:
                    if not str(error.sqlstate).startswith(REFUSED):
                        raise AssertionError(query.name) from error
                    continue
                found = connection.execute(SHAPE).fetchone()
                assert found is not None
                assert shape is not None
                assert (found[:2], found[3:]) == (shape[:2], shape[3:]), query.name
    assert tried > 100


def _hostile(query: Query, *, is_text: bool) -> Iterator[dict[str, str | None]]:
    """Samples with the hostile text in all parameters of text, or in each other one."""
    samples = {name: each.value for name, each in sample_values(query).items()}
    texts: dict[str, str | None] = {}
    for each in query.parameters:
        element = element_type(each.type)
        if plain_type(each.type if element is None else element) == "text":
            texts[each.name] = HOSTILE if element is None else ARRAY
        elif not is_text:
            yield samples | {each.name: HOSTILE}
    if texts and is_text:
        yield samples | texts


def test_every_value_of_the_methods(database_url: str, autocommit: Connection) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        profile = db.update_profile(
            GUEST, user_name=HOSTILE, contact_name=HOSTILE, labels=[HOSTILE], profile_data={HOSTILE: HOSTILE}
        )
        assert (profile.user_name, profile.contact_name, profile.labels, profile.profile_data) == (
            HOSTILE,
            HOSTILE,
            [HOSTILE],
            {HOSTILE: HOSTILE},
        )
        with db.message(HOSTILE, GUEST, text=HOSTILE, gateway=HOSTILE[:90]) as message:
            message.tokens(HOSTILE, 1)
            message.reply({HOSTILE: HOSTILE})
        assert db.get_thread(GUEST).thread_id == HOSTILE
        assert db.claim_replies()[0].payload == {HOSTILE: HOSTILE}
        db.add_note(GUEST, HOSTILE)
        assert HOSTILE in db.export_guest(GUEST)["guest_notes"][0].values()
        assert HOSTILE[:5] in db.get_context(GUEST)
        for user_id in (HOSTILE, f"{GUEST}{HOSTILE}", f"{HOSTILE}@lid"):
            with pytest.raises(GuestSQLError):
                db.get_profile(user_id)
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (1,)


@pytest.fixture
def pages(database_url: str, tmp_path: Path) -> Iterator[TestClient]:
    sql_file(tmp_path, "-- name: get_note(note)^\n-- A note.\nSELECT :note::text AS note\n")
    with closing(page_state(database_url, tmp_path, packaged=True)) as state:
        yield page_client(state)


def test_every_parameter_of_every_page(pages: TestClient, autocommit: Connection) -> None:
    shape = autocommit.execute(SHAPE).fetchone()
    written = urlencode({"note": HOSTILE})
    html = pages.get(f"/q/get_note?{written}").text
    assert str(escape(HOSTILE[:40])) in html
    assert pages.get(f"/q/get_note.json?{written}").json()["note"] == HOSTILE
    for query in every_query().values():
        values = {each.name: HOSTILE for each in query.parameters if plain_type(each.type) == "text"}
        if not values:
            continue
        answer = pages.get(f"/q/{query.name}?{urlencode(values)}")
        assert answer.status_code < 500, query.name
        assert "<script>&" not in answer.text, query.name
    for header in ("Accept-Language", "Cookie", "Referer", "X-Forwarded-Host", "Range", "If-None-Match"):
        answer = pages.get(f"/q/get_note.csv?{written}", headers={header: HOSTILE.encode()})
        assert answer.status_code < 500, header
        assert "DROP" not in str(answer.headers), header
    assert autocommit.execute(SHAPE).fetchone() == shape


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in command.list_commands(click.Context(command)):
        below = command.get_command(click.Context(command), name)
        yield from _commands(below, (*path, name))


def _calls(command: click.Command) -> Iterator[list[str]]:
    """The hostile text as each argument, the others being harmless; then as each option."""
    texts = [each for each in command.params if each.type.name in ("text", "path", "file", "directory")]
    arguments = [each for each in texts if isinstance(each, click.Argument)]
    required = [
        part
        for each in command.params
        if isinstance(each, click.Option) and each.required
        for part in (each.opts[0], "x")
    ]
    harmless = [GUEST] * len([each for each in arguments if each.required])
    for place, _ in enumerate(arguments):
        yield [*required, "--", *harmless[:place], HOSTILE, *harmless[place + 1 :]]
    for option in texts:
        if isinstance(option, click.Option):
            yield [*required, f"{option.opts[0]}={HOSTILE}", "--", *harmless]


def test_every_argument_and_option_of_every_command(
    database_url: str, autocommit: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deep" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    shape = autocommit.execute(SHAPE).fetchone()
    tried = 0
    for path, command in _commands(guestsql):
        for arguments in [] if path[0] in ENDLESS else _calls(command):
            tried += 1
            found = invoke(*path, *arguments, DATABASE_URL=database_url, GUESTSQL_SERVE_TOKEN="x")
            assert found.exit_code in range(5), (path, arguments, found.output)
            assert found.exception is None or isinstance(found.exception, SystemExit), (
                path,
                arguments,
                found.exception,
            )
            assert "Traceback" not in found.output, (path, arguments)
    assert tried > 80
    found = autocommit.execute(SHAPE).fetchone()
    assert found is not None
    assert shape is not None
    assert (found[:2], found[3:]) == (shape[:2], shape[3:])
