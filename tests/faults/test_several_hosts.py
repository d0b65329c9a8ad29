"""An address with several hosts: each one's reason is shown, with a hint that fits all."""

from __future__ import annotations

import socket
from typing import Any

import psycopg
import pytest

from guestsql.embedded import PrivateServer
from guestsql.errors import DatabaseUnavailable
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests.databases import GUEST, KINDS, Either
from tests.standby import several_hosts

CLOSED = ("127.0.0.1", "1")


async def refusal(kind: str, url: str, **known: Any) -> DatabaseUnavailable:
    async with Either(kind, url, **known) as db:
        with pytest.raises(DatabaseUnavailable) as caught:
            await db.get_profile(GUEST)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
async def test_hosts_that_fail_for_different_reasons(kind: str, server: PrivateServer) -> None:
    here = (str(server.socket_dir), str(server.port))
    for places in ((CLOSED, here), (here, CLOSED)):
        error = await refusal(kind, several_hosts(*places, dbname="nowhere"), deadline_seconds=3.0)
        assert "Connection refused" in error.message
        assert 'database "nowhere" does not exist' in error.message
        assert error.sqlstate is None  # the closed one may open: the deadline is waited for
        assert error.message.startswith("no connection within 3 s: no host can be used: ")
        assert "different reasons" in error.hint


@pytest.mark.usefixtures("ask_again_soon")
@pytest.mark.parametrize("kind", KINDS)
async def test_hosts_that_fail_alike(kind: str, server: PrivateServer) -> None:
    here = (str(server.socket_dir), str(server.port))
    error = await refusal(kind, several_hosts(here, here, dbname="nowhere"))
    assert (error.sqlstate, "database's name" in error.hint) == ("3D000", True)
    error = await refusal(kind, several_hosts(CLOSED, ("127.0.0.1", "2"), dbname="x"), deadline_seconds=3.0)
    assert error.message.count("Connection refused") == 2
    assert "server of DATABASE_URL" in error.hint


@pytest.mark.parametrize("kind", KINDS)
async def test_a_host_without_an_address_is_among_the_reasons(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def resolve_without_network(host: Any, *given: Any, **known: Any) -> Any:
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *given, **known)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_without_network)
    unknown = ("nowhere.invalid", "5432")
    error = await refusal(kind, several_hosts(unknown, CLOSED, ("127.0.0.1", "2"), dbname="x"), deadline_seconds=3.0)
    assert "failed to resolve host 'nowhere.invalid'" in error.message
    assert error.message.count("Connection refused") == 2
    assert "server of DATABASE_URL" in error.hint
    with pytest.raises(DatabaseUnavailable, match=r"Connection refused.*; failed to resolve host"):
        connect(Settings(), several_hosts(CLOSED, unknown, dbname="x"))


@pytest.mark.parametrize("kind", KINDS)
async def test_no_host_is_a_primary(
    kind: str, server: PrivateServer, database_url: str, autocommit: psycopg.Connection[Any]
) -> None:
    del database_url
    database = autocommit.info.dbname
    autocommit.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on'.encode())
    here = (str(server.socket_dir), str(server.port))
    url = several_hosts(CLOSED, here, dbname=database, target_session_attrs="read-write")
    error = await refusal(kind, url, deadline_seconds=3.0)
    assert "Connection refused" in error.message
    assert "session is read-only" in error.message
    url = several_hosts(here, dbname=database, target_session_attrs="read-write")
    error = await refusal(kind, url, deadline_seconds=3.0)
    assert (error.sqlstate, "accepts no writes" in error.hint) == ("25006", True)
