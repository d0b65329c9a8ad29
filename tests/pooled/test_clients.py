"""Several clients behind one pooler: no answer and no deletion reaches another client's guest."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import psycopg
import pytest

from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.embedded import PrivateServer
from guestsql.settings import Pooler
from tests.bouncer import bouncer, find_keeping
from tests.databases import make_settings

COUNT = 120
GUESTS = [f"573000001{number:03}" for number in range(COUNT)]
UNKNOWN = [f"573000002{number:03}" for number in range(COUNT)]
ROUNDS = 2


class Client(threading.Thread):
    """Calls one method for many guests, on a connection of its own."""

    def __init__(self, url: str, method: str, guests: list[str], start: threading.Barrier, **known: Any) -> None:
        super().__init__()
        self.errors: list[Exception] = []
        self.wrong: list[str] = []
        self._database = GuestDatabase(settings=make_settings(url, pool_max=1, **known))
        self._method = method
        self._guests = guests
        self._meet = start
        self.start()

    def run(self) -> None:
        self._meet.wait()
        with self._database as database:
            for guest in self._guests:
                try:
                    answer = getattr(database, self._method)(guest)
                except Exception as error:  # noqa: BLE001  the test shows it
                    self.errors.append(error)
                    continue
                if self._method == "get_profile" and (answer is None or answer.phone_number != guest):
                    self.wrong.append(guest)


def guests_left(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM guest_profiles").fetchone()
    assert row is not None
    return int(row[0])


def mix(url: str, **known: Any) -> list[Client]:
    """Four clients read guests that exist, four erase guests that never did."""
    start = threading.Barrier(8)
    clients = [
        Client(url, "get_profile", GUESTS[at:] + GUESTS[:at], start, **known) for at in range(0, COUNT, COUNT // 4)
    ]
    clients += [
        Client(url, "forget_guest", UNKNOWN[at : at + COUNT // 4] * ROUNDS, start, **known)
        for at in range(0, COUNT, COUNT // 4)
    ]
    for client in clients:
        client.join()
    return clients


@pytest.fixture
def guests(autocommit: psycopg.Connection[Any]) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) SELECT unnest(%s::text[])", [GUESTS])


@pytest.mark.usefixtures("guests")
@pytest.mark.parametrize("pooler_setting", ["auto", "transaction"])
def test_clients_are_kept_apart(pooler_setting: Pooler, database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    clients = mix(database_url, pooler=pooler_setting)
    assert [error for client in clients for error in client.errors] == []
    assert [guest for client in clients for guest in client.wrong] == []
    assert guests_left(autocommit) == len(GUESTS)


@pytest.mark.usefixtures("guests")
def test_a_pooler_that_is_denied_erases_no_one(database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    clients = mix(database_url, pooler="off")
    assert [guest for client in clients for guest in client.wrong] == []
    assert guests_left(autocommit) == len(GUESTS)


@pytest.mark.usefixtures("guests")
async def test_tasks_are_kept_apart(database_url: str, autocommit: psycopg.Connection[Any]) -> None:
    async def read(database: AsyncGuestDatabase) -> list[str]:
        async with database:
            profiles = [await database.get_profile(guest) for guest in GUESTS]
        return [profile.phone_number for profile in profiles if profile is not None]

    async def forget(database: AsyncGuestDatabase) -> None:
        async with database:
            for guest in UNKNOWN:
                await database.forget_guest(guest)

    # An address that is passed gets the same treatment as one of the settings.
    settings = make_settings("postgresql://127.0.0.1:1/nowhere", pool_max=1)
    made = [AsyncGuestDatabase(database_url, settings=settings) for _ in range(6)]
    found = await asyncio.gather(*map(read, made[:3]), *map(forget, made[3:]))
    assert found[:3] == [GUESTS] * 3
    assert guests_left(autocommit) == len(GUESTS)


@pytest.mark.usefixtures("guests")
@pytest.mark.skipif(find_keeping() is None, reason="no PgBouncer here keeps statements: tools/fetch_pgbouncer.sh")
def test_a_pooler_that_keeps_statements(
    server: PrivateServer, direct_url: str, autocommit: psycopg.Connection[Any]
) -> None:
    more = "max_prepared_statements = 200"
    with bouncer(server, more=more, program=find_keeping()) as started:
        clients = mix(started.url(direct_url), pooler="tracked")
        assert [error for client in clients for error in client.errors] == []
        assert [guest for client in clients for guest in client.wrong] == []
        assert guests_left(autocommit) == len(GUESTS)
    with bouncer(server, size=1, more=more, program=find_keeping()) as started:
        with GuestDatabase(settings=make_settings(started.url(direct_url), pooler="tracked")) as database:
            for _ in range(4):
                database.get_profile(GUESTS[0])
        with psycopg.connect(started.url(direct_url), prepare_threshold=None) as connection:
            found = connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement ~ 'q=get_profile'")
            assert found.fetchone() == (1,)
