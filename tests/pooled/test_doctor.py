"""What `guestsql doctor` finds out about a pooler, with a right on it and without."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guestsql.embedded import PrivateServer
from guestsql.ops.doctor import CHECKS, Diagnosis, Status, Target, diagnose
from guestsql.settings import Pooler, Settings
from tests.bouncer import bouncer, bouncer_version, find_keeping
from tests.pooled.test_tools import left_behind

KEEPS_NONE = "max_prepared_statements = 0"
SEEN_BY_ALL = "stats_users = postgres"
NEEDED = ("embedded server", "address", "dns", "port", "tls", "login", "pooler")

pytestmark = pytest.mark.usefixtures("pooler")  # which skips where there is no program


def found(url: str, pooler: Pooler = "auto", **known: Any) -> Diagnosis:
    checks = [check for check in CHECKS if check.name in NEEDED]
    with Target(Settings(database_url=url, pooler=pooler, **known), (), url) as target:
        return list(diagnose(target, checks))[-1]


@pytest.mark.parametrize(
    ("mode", "off", "tracked"),
    [
        ("session", Status.OK, Status.ADVICE),
        ("transaction", Status.FAULT, Status.FAULT),
        ("statement", Status.FAULT, Status.FAULT),
    ],
)
def test_version_and_mode(mode: str, off: Status, tracked: Status, server: PrivateServer, direct_url: str) -> None:
    version = bouncer_version()
    with bouncer(server, mode, more=f"{SEEN_BY_ALL}\n{KEEPS_NONE if version >= (1, 22) else ''}") as started:
        url = started.url(direct_url)
        message = found(url, unpooled_url=direct_url).message
        assert re.search(r"PgBouncer {}\.{}\.\d+ in {} mode\b".format(*version, mode), message)
        assert [found(url, declared).status for declared in ("off", "tracked")] == [off, tracked]


def test_without_a_right_on_the_pooler_its_version_is_unknown(database_url: str, direct_url: str) -> None:
    diagnosis = found(database_url, unpooled_url=direct_url)
    assert diagnosis.status is Status.OK
    assert (
        "a pooler in transaction mode (version unknown: PgBouncer reports it to its stats_users)" in diagnosis.message
    )


def test_no_mode_is_claimed_where_none_is_seen(server: PrivateServer, direct_url: str) -> None:
    with bouncer(server, "session", size=1) as started:
        assert "a pooler in an unknown mode" in found(started.url(direct_url)).message
        assert found(started.url(direct_url), "off").status is Status.ADVICE


@pytest.mark.skipif(find_keeping() is None, reason="no PgBouncer here keeps statements: tools/fetch_pgbouncer.sh")
@pytest.mark.parametrize(("kept", "tracked"), [(0, Status.FAULT), (200, Status.OK)])
def test_prepared_statements(kept: int, tracked: Status, server: PrivateServer, direct_url: str) -> None:
    more = f"max_prepared_statements = {kept}"
    with bouncer(server, size=1, more=more, program=find_keeping()) as started:
        url = started.url(direct_url)
        assert found(url, "tracked", unpooled_url=direct_url).status is tracked
        assert ("GUESTSQL_POOLER=tracked would use them" in found(url).message) is bool(kept)
        assert [name for name in left_behind(url) if "_pg3_" in name] == []
