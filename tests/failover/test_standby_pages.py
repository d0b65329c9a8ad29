"""Everything that reads works with a DATABASE_URL of a hot standby: the pages, the health endpoint and the shell."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from guestsql.migrate import Runner
from guestsql.ops.health import Probe
from guestsql.settings import Settings
from tests.cli.shell import invoke
from tests.context_helpers import GUEST
from tests.failover.test_replica_reads import Connection
from tests.pages.serving import cells_of, page_client, page_state
from tests.standby import ServerGroup

TOTALS = {"total_profiles": 2, "with_thread": 0, "with_labels": 1, "with_context": 0, "without_memory": 0}


@pytest.fixture
def url(pair: ServerGroup, primary: Connection) -> Iterator[str]:
    """The address of the standby of a hotel with two guests; at the end nothing has tried to write there."""
    primary.execute(
        "INSERT INTO guest_profiles (phone_number, labels) VALUES ('573000000001', '{VIP}'), ('573000000002', '{}')"
    )
    pair.wait_for_standbys()
    standby = pair.standbys[0]
    begin = standby.log.stat().st_size
    yield standby.url()
    log = standby.log.read_bytes()[begin:].decode()
    assert [line for line in log.splitlines() if "ERROR:" in line] == []


@pytest.fixture
def browser(url: str) -> Iterator[TestClient]:
    """A browser at the pages of the standby."""
    state = page_state(url, packaged=True, timeout=60.0, deadline_seconds=60.0)
    yield page_client(state)
    state.close()


def test_the_pages_of_a_standby(browser: TestClient) -> None:
    def html(path: str) -> str:
        answer = browser.get(path)
        assert answer.status_code == 200
        return answer.text

    assert "/q/get_profile_totals" in html("/")
    assert cells_of(html("/q/get_profile_totals")) == [[name, str(number)] for name, number in TOTALS.items()]
    chart = html("/q/list_guest_days?max_rows=2")
    assert "data:image/svg+xml" in chart
    assert len(cells_of(chart)) == 3  # with the head
    assert "most expensive" in html("/q/list_guest_days?_plan=1")
    dashboard = html("/dashboards/guests")
    assert "data:image/svg+xml" in dashboard
    assert '<div class="notice ' not in dashboard

    rows = list(csv.DictReader(io.StringIO(html("/q/get_profile_totals.csv"))))
    assert rows == [{name: str(number) for name, number in TOTALS.items()}]


def test_the_health_of_a_standby(pair: ServerGroup, primary: Connection, url: str) -> None:
    runner = Runner(Settings(), pair.primary.url())
    runner.baseline(max(each.version for each in runner.status()))
    pair.wait_for_standbys()
    probe = Probe(Settings(), url, seconds=60.0)
    try:
        report = probe.check()
    finally:
        probe.close()
        primary.execute("DROP TABLE guestsql_migrations")
    assert (report.database, report.migrations) == ("ok", "ok")


def test_the_shell_on_a_standby(url: str) -> None:
    ran = invoke("query", "run", "get_profile_totals", DATABASE_URL=url)
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, TOTALS)
    plan = invoke("query", "explain", "get_profile_totals", "--analyze", DATABASE_URL=url)
    assert "most expensive" in plan.stdout


def test_a_standby_refuses_what_writes(pair: ServerGroup) -> None:
    url = pair.standbys[0].url()
    label = ("add_labels", "-p", f"phone_number={GUEST}", "-p", "labels={new}")
    for command in (("run", *label, "--write"), ("explain", *label, "--analyze")):
        refused = invoke("query", *command, DATABASE_URL=url)
        assert refused.exit_code == 3
        assert "the server of DATABASE_URL is a standby: writing needs the primary" in refused.stderr
