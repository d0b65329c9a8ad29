"""Roles on servers that make it hard: no right to make them, made already by another database, made by two at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from guestsql.embedded import PrivateServer
from guestsql.migrate import PACKAGED, Runner, Series
from guestsql.settings import Settings
from tests.cli.shell import invoke
from tests.databases import GUEST, Either
from tests.migrating import waiting
from tests.server import MIGRATIONS, eventually, private_server

FIRST_ROLES = ("guestsql_bot", "guestsql_monitor", "guestsql_owner")
ROLES = (*FIRST_ROLES, "guestsql_marketing")


@pytest.fixture(scope="module")
def bare() -> Iterator[PrivateServer]:
    """A server of this file alone: roles are the whole server's."""
    with private_server() as started:
        yield started


class Admin:
    """The superuser, who makes databases and logins, and leaves nothing."""

    def __init__(self, server: PrivateServer) -> None:
        self.server = server
        self.connection = psycopg.connect(server.url(), autocommit=True)
        self.databases: list[str] = []
        self.logins: list[str] = []

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def database(self, name: str, owner: str = "postgres") -> str:
        """Make a database; its address for its owner."""
        if owner not in ("postgres", *self.logins):
            self.login(owner)
        self.run(f"CREATE DATABASE {name} OWNER {owner}")
        self.databases.append(name)
        return make_conninfo(self.server.url(name), user=owner)

    def login(self, name: str, rights: str = "") -> None:
        self.run(f"CREATE ROLE {name} LOGIN {rights}")
        self.logins.append(name)

    def close(self) -> None:
        for name in self.databases:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")
        for name in (*ROLES, *self.logins):
            self.run(f"DROP ROLE IF EXISTS {name}")
        self.connection.close()

    def roles(self) -> list[str]:
        return [name for (name,) in self.run("SELECT rolname FROM pg_roles WHERE rolname ~ '^guestsql_' ORDER BY 1")]


@pytest.fixture
def admin(bare: PrivateServer) -> Iterator[Admin]:
    opened = Admin(bare)
    yield opened
    opened.close()


def migrate(url: str, command: str = "up") -> Any:
    return invoke("migrate", command, DATABASE_URL=url)


def owners(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("""
            SELECT pg_get_userbyid(relowner) FROM pg_class
            WHERE relname IN (SELECT relation_name FROM guestsql_grants)
        """)
        return {row[0] for row in found}


async def test_where_no_role_can_be_made_everything_else_goes_on(admin: Admin) -> None:
    url = admin.database("single", "single_user")
    result = migrate(url)

    assert result.exit_code == 0
    assert (
        "migrations: roles could not be made: guestsql_bot, guestsql_monitor, guestsql_marketing, guestsql_owner "
        "(single_user may not create roles); everything else goes on without them (to have them, let a role with "
        "CREATEROLE make them, then run guestsql migrate grant)\n"
    ) in result.stderr
    # Once by the migration of the first three.
    assert result.stderr.count("could not be made") == 2
    assert admin.roles() == []
    assert owners(url) == {"single_user"}
    assert invoke("migrate", "status", "--exit-code", DATABASE_URL=url).exit_code == 0
    async with Either("sync", url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        assert (await db.get_profile(GUEST)).user_name == "Ana"


def test_roles_that_are_made_by_hand_later_get_their_rights(admin: Admin) -> None:
    url = admin.database("later", "single_user")
    migrate(url)
    refused = migrate(url, "grant")
    assert (refused.exit_code, refused.stdout) == (1, "")
    for role in ROLES:
        admin.run(f"CREATE ROLE {role}")
    admin.run("GRANT guestsql_owner TO single_user")
    admin.run("GRANT pg_monitor TO guestsql_monitor")
    granted = migrate(url, "grant")

    assert (granted.exit_code, granted.stderr) == (0, "migrations: every role has its rights\n")
    assert owners(url) == {"guestsql_owner"}
    with psycopg.connect(make_conninfo(url, user="postgres")) as connection:
        connection.execute("SET ROLE guestsql_monitor")
        assert connection.execute("SELECT count(*) FROM guest_figures").fetchone() == (0,)


def test_grant_before_the_roles_migration_says_so(admin: Admin) -> None:
    result = migrate(admin.database("early"), "grant")
    assert result.exit_code == 1
    assert "run guestsql migrate up first" in result.stderr


def test_a_user_who_may_create_roles_makes_them(admin: Admin) -> None:
    admin.login("creator", "CREATEROLE")
    url = admin.database("created", "creator")
    result = migrate(url)
    assert result.exit_code == 0
    assert "could not be made" not in result.stderr
    assert admin.roles() == sorted(ROLES)
    assert owners(url) == {"guestsql_owner"}
    # It has given its tables away and still has them.
    assert migrate(url).exit_code == 0
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE guest_profiles ADD COLUMN n int")


def test_two_databases_of_one_server_share_the_roles(admin: Admin) -> None:
    """Also when the second one's user may neither make roles nor become their owner."""
    first = admin.database("first")
    second = admin.database("second", "second_user")
    assert migrate(first).exit_code == 0
    result = migrate(second)

    assert result.exit_code == 0
    assert "could not be made" not in result.stderr
    assert "the tables stay with their owner" in result.stderr
    assert (owners(first), owners(second)) == ({"guestsql_owner"}, {"second_user"})
    with psycopg.connect(make_conninfo(second, user="postgres")) as connection:
        connection.execute("SET ROLE guestsql_bot")
        connection.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
        connection.execute("SET ROLE guestsql_monitor")
        assert connection.execute("SELECT guest FROM guest_figures").fetchall() == [("***0001",)]


def test_many_databases_migrate_at_once(admin: Admin) -> None:
    urls = [admin.database(f"parallel_{number}") for number in range(4)]
    with ThreadPoolExecutor(len(urls)) as pool:
        applied = list(pool.map(lambda url: Runner(Settings(), url).up(), urls))
    assert len({tuple(each.version for each in versions) for versions in applied}) == 1
    assert [notice for versions in applied for each in versions for notice in each.notices] == []
    assert [owners(url) for url in urls] == [{"guestsql_owner"}] * len(urls)


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
@pytest.mark.parametrize("existing", [True, False], ids=["roles exist", "roles are new"])
def test_another_database_makes_the_roles_at_the_same_moment(
    admin: Admin, ending: str, existing: bool, tmp_path: Path
) -> None:
    """It is waited for; should it fail, they are made after all."""
    if existing:
        for role in FIRST_ROLES:
            admin.run(f"CREATE ROLE {role}")
    first, second = admin.database("first"), admin.database("second")
    texts = [path.read_text(encoding="utf-8") for path in sorted(MIGRATIONS.glob("000[1-5]_*.sql"))]
    for path in sorted(MIGRATIONS.glob("000[1-5]_*.sql")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with psycopg.connect(first, autocommit=True) as one, psycopg.connect(second, autocommit=True) as watching:
        for text in texts[:4]:
            one.execute(text.encode())
        one.execute("BEGIN")
        one.execute(texts[4].encode())
        failures: list[BaseException] = []

        def other() -> None:
            try:
                Runner(Settings(), second, [Series(PACKAGED, tmp_path)]).up()
            except BaseException as error:  # noqa: BLE001  reported below
                failures.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        eventually(lambda: waiting(watching, "Three roles") or not thread.is_alive())
        one.execute(ending.encode())
        thread.join()
    assert failures == []
    assert admin.roles() == sorted(FIRST_ROLES)
    assert owners(second) == {"guestsql_owner"}
    assert admin.run("SELECT pg_has_role('guestsql_monitor', 'pg_monitor', 'USAGE')") == [(True,)]


def test_a_schema_that_is_open_to_all_is_reported(admin: Admin) -> None:
    """As every schema public was before PostgreSQL 15."""
    url = admin.database("open_to_all")
    with psycopg.connect(url) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO public")
    result = migrate(url)
    assert result.exit_code == 0
    assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in result.stderr


def test_a_schema_of_its_own(admin: Admin) -> None:
    url = admin.database("own_schema")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA hotel")
        connection.execute("CREATE TABLE public.guest_profiles (foreign_thing text)")
    result = migrate(make_conninfo(url, options="-c search_path=hotel"))
    assert (result.exit_code, "could not" in result.stderr) == (0, False)
    with psycopg.connect(make_conninfo(url, options="-c search_path=hotel")) as connection:
        connection.execute("SET ROLE guestsql_bot")
        connection.execute("SELECT phone_number FROM guest_profiles")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT foreign_thing FROM public.guest_profiles")
