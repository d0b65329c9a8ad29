"""Several clients behind one pooler: no answer and no deletion reaches another client's guest."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from guestsql import GuestDatabase
from guestsql.settings import Pooler
from tests.databases import make_settings

GUESTS = [f"573000001{number:03}" for number in range(400)]
UNKNOWN = [f"573000002{number:03}" for number in range(400)]
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
    clients = [Client(url, "get_profile", GUESTS[at:] + GUESTS[:at], start, **known) for at in range(0, 400, 100)]
    clients += [
        Client(url, "forget_guest", UNKNOWN[at : at + 100] * ROUNDS, start, **known) for at in range(0, 400, 100)
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
