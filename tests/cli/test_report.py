"""`guestsql report`: the page, single charts, where they are written, and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from guestsql.cli.demo_hotel import invent_hotel
from guestsql.report.files import write_file
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests.cli.shell import cloned, invoke
from tests.pages.test_without_the_extra import run
from tests.server import PrivateServer

ZONE = ZoneInfo("America/Bogota")
OWN = """\
-- name: list_rooms()
-- Rooms by floor.
-- dashboard: house
-- chart: bar x=floor y=rooms
SELECT * FROM (VALUES ('first', 4), ('second', 6)) AS floors (floor, rooms);

-- name: list_last_callers(days)
-- The last callers.
-- dashboard: house
--   days: int = 7, to look back
SELECT '573001234567' AS phone_number, 'call 573001234567 <b>back</b>' AS note, :days::int AS days;

-- name: get_broken()^
-- What cannot be computed.
-- dashboard: zero
-- chart: number
SELECT 1 / 0 AS broken;

-- name: list_nothing()
-- What is empty.
-- empty: Nothing <yet>.
-- dashboard: zero
-- chart: line x=day y=rooms
SELECT now() AS day, 1 AS rooms WHERE false;
"""


class _References(HTMLParser):
    """Every address in a page, and the elements that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "action", "data")]


@pytest.fixture(scope="module")
def hotel(server: PrivateServer, template_database: str) -> Iterator[str]:
    with cloned(server, template_database, "guestsql_demo_pictures") as url:
        with connect(Settings(), url) as connection:
            invent_hotel(connection, 400, seed=1, until=datetime.now(ZONE), timezone=ZONE)
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_page_that_refers_to_nothing_outside(hotel: str, folder: Path) -> None:
    path = folder / "report.html"
    path.write_text("an older one")
    done = invoke("report", DATABASE_URL=hotel)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "report.html\n", "")
    assert path.stat().st_mode & 0o777 == 0o600
    page = path.read_text(encoding="utf-8")
    found = _References()
    found.feed(page)
    assert len(found.addresses) == 2 * found.tags.count("img") == 12
    assert all(address.startswith("data:image/svg+xml;base64,") for address in found.addresses)
    assert "script" not in found.tags
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert '<html lang="en">' in page
    assert page.count("last 30 days and 30 days before by") > 3
    # It names no guest.
    assert not re.search(r"57300\d{7}|\*\*\*\d{4}", page)


def test_spanish_and_a_new_folder(hotel: str, folder: Path) -> None:
    done = invoke("report", "--out", "new/months/", "--days", "14", DATABASE_URL=hotel, LANG="es_CO.UTF-8")
    assert (done.exit_code, done.stdout) == (0, "new/months/report.html\n")
    page = (folder / "new" / "months" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="es">' in page
    assert "Huéspedes nuevos" in page
    assert "últimos 14 días" in page
    assert re.search(r"\d,\d\xa0%", page)
    assert "wrote" not in page


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        (["--out", "hours.svg"], b"<svg "),
        (["--out", "hours.PNG"], b"\x89PNG"),
        (["--out", "hours", "--format", "pdf"], b"%PDF"),
        (["--out", "-", "--format", "svg"], b"<svg "),
        (["--out", "-", "--lang", "es"], b"<!doctype html>"),
    ],
)
def test_one_query(hotel: str, folder: Path, arguments: list[str], beginning: bytes) -> None:
    done = invoke("report", "--query", "list_hour_comparison", "-p", "days=3", *arguments, DATABASE_URL=hotel)
    assert done.exit_code == 0, done.stderr
    files = [each for each in folder.rglob("*") if each.is_file()]
    content = done.stdout_bytes if "-" in arguments else files[0].read_bytes()
    assert content.startswith(beginning)
    assert len(files) == ("-" not in arguments)


def test_a_chart_of_each_query(hotel: str, folder: Path) -> None:
    done = invoke("report", "--format", "svg", "--out", "charts", DATABASE_URL=hotel)
    assert done.exit_code == 0, done.stderr
    names = sorted(each.name for each in (folder / "charts").iterdir())
    assert names == sorted(Path(line).name for line in done.stdout.splitlines())
    assert {"list_funnel_comparison.svg", "get_guest_comparison.svg"} < set(names)
    assert len(names) == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x.svg"], "--format svg is for single charts"),
        (["--out", "-", "--format", "png"], "--format png is for single charts"),
        (["--out", "x.svg", "--format", "png", "--query", "list_hour_comparison"], "does not go with --format png"),
        (["--out", "x.txt"], "a name ends in .html, .pdf, .png, .svg"),
        (["-p", "days=3"], "-p and --null need --query"),
        (["--query", "list_hour_comparision"], "did you mean list_hour_comparison"),
        (["--query", "list_hour_comparison", "-p", "day=3"], "has no parameter 'day'"),
        (["--query", "list_hour_comparison", "-p", "days=x"], "parameter days: 'x' is not of type int"),
        (["--days", "0"], "0 is not in the range"),
    ],
)
def test_what_is_refused(hotel: str, folder: Path, arguments: list[str], message: str) -> None:
    done = invoke("report", *arguments, DATABASE_URL=hotel)
    assert done.exit_code == 2, done.stderr
    assert message in " ".join(done.stderr.split())
    assert list(folder.iterdir()) == []


def test_a_device_is_not_replaced(hotel: str, folder: Path) -> None:
    (folder / "link.html").symlink_to("/dev/null")
    done = invoke("report", "--out", "link.html", DATABASE_URL=hotel)
    assert done.exit_code == 1
    assert "/dev/null is not a regular file" in done.stderr
    assert Path("/dev/null").is_char_device()


def test_a_loop_of_links_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="loop"):
        write_file(tmp_path / "loop" / "report.html", b"x")
    write_file(tmp_path / "loop", b"x")  # replaces the link, which leads nowhere
    assert (tmp_path / "loop").read_bytes() == b"x"


def test_a_query_without_a_chart(hotel: str, folder: Path) -> None:
    done = invoke("report", "--query", "list_guests", "--out", "x.svg", DATABASE_URL=hotel)
    assert done.exit_code == 1
    assert "no picture of list_guests: it has no chart mark" in done.stderr
    assert list(folder.iterdir()) == []


def test_a_project_without_a_hotel(database_url: str, folder: Path) -> None:
    (folder / "queries").mkdir()
    (folder / "queries" / "own.sql").write_text(OWN, encoding="utf-8")
    environment = {"GUESTSQL_QUERIES_DIR": "queries", "GUESTSQL_PACKAGED": "false", "DATABASE_URL": database_url}
    done = invoke("report", **environment)
    assert done.exit_code == 1
    assert done.stderr == "guestsql: get_broken: division by zero\n"
    page = (folder / "report.html").read_text(encoding="utf-8")
    places = [page.index(f">{text}") for text in ("house", "Rooms by floor", "The last callers", "zero", "What cannot")]
    assert places == sorted(places)
    assert "Not shown: division by zero" in page
    assert "Nothing &lt;yet&gt;." in page
    assert page.count("573001234567") == 2  # without guests nothing is masked
    assert "&lt;b&gt;back" in page
    assert page.count("<img ") == 1
    assert "compared with" not in page

    (folder / "queries" / "own.sql").write_text("-- name: get_one()$\nSELECT 1 AS one;\n", encoding="utf-8")
    done = invoke("report", **environment)
    assert done.exit_code == 1
    assert "no query is marked for a report" in done.stderr


def test_own_queries_come_after_the_packaged_ones(hotel: str, folder: Path) -> None:
    (folder / "queries").mkdir()
    own = OWN.replace("dashboard: house", "dashboard: report", 1).replace("1 / 0", "1")
    (folder / "queries" / "a.sql").write_text(own, encoding="utf-8")
    done = invoke("report", DATABASE_URL=hotel, GUESTSQL_QUERIES_DIR="queries")
    assert done.exit_code == 0, done.stderr
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert ("***4567" in page, "573001234567" in page) == (True, False)
    titles = re.findall(r"<h[23][^>]*>([^<]*)<", page)
    assert titles[0] == "Report"
    assert titles.index("Rooms by floor") > titles.index("Messages of campaigns, now and before")
    assert titles.index("Rooms by floor") < titles.index("house") < titles.index("zero")
    assert "operations" not in titles


def test_a_server_that_is_away(folder: Path) -> None:
    (folder / "report.html").write_text("yesterday's")
    done = invoke("report", DATABASE_URL="postgresql://bot@127.0.0.1:1/hotel")
    assert done.exit_code == 4
    assert (folder / "report.html").read_text() == "yesterday's"
    assert [each.name for each in folder.iterdir()] == ["report.html"]


def test_what_to_install() -> None:
    done = run("from guestsql.cli import main\nmain()", "report")
    assert done.returncode == 2
    assert "pip install 'guestsql[pages]'" in done.stderr
