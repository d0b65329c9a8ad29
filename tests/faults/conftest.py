"""A server that asks for passwords, for the tests of what is said when they are wrong, and a pool that asks often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from guestsql.embedded import PrivateServer
from guestsql.embedded._conf import free_port
from guestsql.sql import attempts
from tests.server import private_server

_RULES = "local all all trust\nhost all blocked all reject\nhost all all all scram-sha-256\n"


@dataclass
class PasswordServer:
    """A server on 127.0.0.1 that asks for passwords there; without, on its socket, it is the superuser's."""

    server: PrivateServer

    def url(self, dbname: str = "postgres", *, user: str = "visitor", password: str = "right-word", **more: str) -> str:
        """An address as a bot has it."""
        return make_conninfo(
            f"postgresql://127.0.0.1:{self.server.port}/{dbname}", user=user, password=password, **more
        )


@pytest.fixture(scope="session")
def password_server() -> Iterator[PasswordServer]:
    """With the login `visitor`, whose password is `right-word`, and `blocked`, whom pg_hba.conf refuses."""
    with private_server(settings={"listen_addresses": "127.0.0.1", "port": str(free_port())}) as server:
        (server.directory / "data" / "pg_hba.conf").write_text(_RULES, encoding="utf-8")
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
            for name in ("visitor", "blocked"):
                connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right-word'".encode())
        yield PasswordServer(server)


@pytest.fixture
def ask_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that waits for a connection looks 20 times a second, not once, whether one can come."""
    for kind in ("async", "sync"):
        monkeypatch.setattr(f"guestsql.sql._{kind}.pool._ASK_AGAIN_SECONDS", 0.05)


@pytest.fixture
def early_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the deadline came before a third attempt."""
    monkeypatch.setattr(attempts, "_pause_before", lambda attempt, _: 0.0 if attempt < 2 else None)
