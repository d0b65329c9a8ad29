"""The pool: exhausted, closed; the role of its sessions, where that exists and where it does not."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from guestsql.adhoc.pool import PoolTimeout, SessionPool
from guestsql.errors import DatabaseError, DatabaseUnavailable
from tests.adhoc.conftest import target_of

PATIENCE = 30.0
ROLE = "adhoc_monitor"


def session_of(pool, queries):
    with pool.acquire(PATIENCE) as session:
        return session.run(queries["get_session"], {}, PATIENCE).rows[0]


@contextmanager
def roles(admin, *statements):
    """Roles of this test alone; those that the server keeps are dropped again, and a pooler's sessions with them."""
    try:
        for statement in statements:
            admin.execute(statement)
        yield
    finally:
        for name in (ROLE, "adhoc_login"):
            admin.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = %s", [name])
            admin.execute(f"DO $$BEGIN IF to_regrole('{name}') IS NOT NULL THEN DROP OWNED BY {name}; END IF; END$$")
            admin.execute(f"DROP ROLE IF EXISTS {name}")


def login(url):
    return target_of(f"{url}&user=adhoc_login" if "?" in url else f"{url}?user=adhoc_login")


def test_an_exhausted_pool_says_so_and_recovers(target, queries):
    with SessionPool(target, 1) as pool:
        with pool.acquire(PATIENCE), pytest.raises(PoolTimeout, match="all 1 sessions"), pool.acquire(0):
            pass
        assert session_of(pool, queries)


def test_a_waiting_caller_gets_the_next_session(target, queries):
    with SessionPool(target, 1) as pool:
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(session_of(pool, queries)))
        with pool.acquire(PATIENCE):
            waiter.start()
        waiter.join(PATIENCE)
        assert len(answers) == 1


def test_one_caller_after_the_other_uses_one_connection(target, queries):
    with SessionPool(target, 3) as pool:
        assert session_of(pool, queries) == session_of(pool, queries)


def test_a_closed_pool_wakes_who_waits_and_closes_what_comes_back(target, queries, admin):
    pool = SessionPool(target, 1)
    refusals = []

    def wait():
        try:
            with pool.acquire(PATIENCE):
                pass
        except DatabaseUnavailable as error:
            refusals.append(error)

    waiter = threading.Thread(target=wait)
    with pool.acquire(PATIENCE) as session:
        number = session.run(queries["get_session"], {}, PATIENCE).rows[0][3]
        waiter.start()
        pool.close()
    waiter.join(PATIENCE)
    assert len(refusals) == 1
    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [number])  # waits until it has ended
    assert admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [number]).fetchone() is None


def test_a_body_that_fails_gives_its_session_back(target, queries):
    with SessionPool(target, 1) as pool:
        with pytest.raises(DatabaseError), pool.acquire(0) as session:
            session.run(queries["get_broken"], {}, PATIENCE)
        assert session_of(pool, queries)


def test_a_superuser_takes_the_role(target, queries, admin):
    with roles(admin, f"CREATE ROLE {ROLE}"), SessionPool(target, 1, ROLE) as pool:
        assert session_of(pool, queries)[:3] == (ROLE, "on", "30s")
        with pytest.raises(DatabaseError) as caught, pool.acquire(0) as session:
            session.run(queries["list_notes"], {}, PATIENCE)
        assert caught.value.sqlstate == "42501"
        assert ROLE in caught.value.hint


def test_a_database_without_the_role_changes_nothing(target, queries, admin):
    with SessionPool(target, 1, ROLE) as pool:
        assert session_of(pool, queries)[0] == admin.info.user


def test_a_login_without_the_right_stays_itself(plain_url, queries, admin):
    with (
        roles(admin, f"CREATE ROLE {ROLE}", "CREATE ROLE adhoc_login LOGIN"),
        SessionPool(login(plain_url), 1, ROLE) as pool,
    ):
        assert session_of(pool, queries)[0] == "adhoc_login"


def test_a_member_takes_the_role(plain_url, queries, admin):
    with (
        roles(admin, f"CREATE ROLE {ROLE}", f"CREATE ROLE adhoc_login LOGIN IN ROLE {ROLE}"),
        SessionPool(login(plain_url), 1, ROLE) as pool,
    ):
        assert session_of(pool, queries)[0] == ROLE


def test_a_member_that_may_not_set_the_role_stays_itself(plain_url, queries, admin):
    if admin.info.server_version < 160000:
        pytest.skip("before version 16 every member may SET ROLE")
    grant = f"GRANT {ROLE} TO adhoc_login WITH SET FALSE, INHERIT TRUE"
    with (
        roles(admin, f"CREATE ROLE {ROLE}", "CREATE ROLE adhoc_login LOGIN", grant),
        SessionPool(login(plain_url), 1, ROLE) as pool,
    ):
        assert session_of(pool, queries)[0] == "adhoc_login"


def test_a_role_that_is_revoked_costs_one_request(plain_url, queries, admin):
    with (
        roles(admin, f"CREATE ROLE {ROLE}", f"CREATE ROLE adhoc_login LOGIN IN ROLE {ROLE}"),
        SessionPool(login(plain_url), 1, ROLE) as pool,
    ):
        assert session_of(pool, queries)[0] == ROLE
        admin.execute(f"REVOKE {ROLE} FROM adhoc_login")
        with pytest.raises(DatabaseError):
            session_of(pool, queries)
        assert session_of(pool, queries)[0] == "adhoc_login"
