"""The catalogue of a running server follows its files, and the index shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from guestsql.pages import catalogue
from guestsql.pages.catalogue import WatchedCatalogue
from tests.pages.serving import page_client, page_state, sql_file

ONE = "-- name: get_one()$\n-- One.\nSELECT 1;\n"


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_LOOK_SECONDS", 0.0)


def listed(pages: TestClient, search: str = "") -> list[str]:
    html = pages.get("/", params={"search": search}).text
    return re.findall(r'<li>\s*<a href="/q/(\w+)">', html)


def test_an_own_folder_may_appear_later_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    pages = page_client(page_state(own=folder, packaged=True))
    packaged = listed(pages)
    assert len(packaged) > 50
    file = sql_file(folder, ONE)
    assert listed(pages) == ["get_one", *packaged]  # own ones come first
    file.unlink()
    assert listed(pages) == packaged
    folder.rmdir()
    assert listed(pages) == packaged


def test_internal_queries_never_appear() -> None:
    pages = page_client(page_state(packaged=True))
    assert "list_sample_types" not in listed(pages)
    assert pages.get("/q/list_sample_types").status_code == 404
    assert listed(pages, "sample types") == []


def test_a_broken_file_leaves_the_queries_and_is_named(tmp_path: Path) -> None:
    file = sql_file(tmp_path / "own", ONE)
    pages = page_client(page_state(own=file.parent))
    assert listed(pages) == ["get_one"]
    file.write_text("-- name: get_one()$\nSELECT 1;\n\n-- name: get_two($\nSELECT 'a <b>';\n", encoding="utf-8")
    html = pages.get("/").text
    assert f"{file}:4:" in html
    assert 'class="notice error"' in html
    assert listed(pages) == ["get_one"]
    sql_file(file.parent, ONE.replace("one", "two"), "two.sql")
    assert listed(pages) == ["get_one"]  # all stay as they were
    file.write_text(ONE, encoding="utf-8")
    assert listed(pages) == ["get_one", "get_two"]
    assert 'class="notice error"' not in pages.get("/").text


def test_at_the_start_a_broken_file_hides_only_its_own_queries(tmp_path: Path) -> None:
    sql_file(tmp_path, ONE, "a.sql")
    sql_file(tmp_path, "-- name: nothing\n", "b.sql")
    watched = WatchedCatalogue(tmp_path, packaged=False)
    queries, failure = watched.current()
    assert list(queries) == ["get_one"]
    assert failure is not None
    assert failure.file == tmp_path / "b.sql"


def test_it_looks_twice_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_LOOK_SECONDS", 3600.0)
    watched = WatchedCatalogue(tmp_path, packaged=False)
    assert list(watched.current()[0]) == []
    sql_file(tmp_path, ONE)
    assert list(watched.current()[0]) == []


def test_search(tmp_path: Path) -> None:
    text = (
        "-- name: list_rooms(min_beds)\n-- Habitación por número, <i>with</i> beds.\n"
        "--   min_beds: int = 1, the fewest\n"
        "SELECT :min_beds::int;\n\n-- name: delete_rooms()!\n-- Removes all.\nDELETE FROM rooms;\n"
    )
    sql_file(tmp_path, text, "rooms.sql")
    pages = page_client(page_state(own=tmp_path))
    assert listed(pages, "HABITACION  numero") == ["list_rooms"]
    assert listed(pages, "fewest") == ["list_rooms"]
    assert listed(pages, "list rooms") == ["list_rooms"]
    assert listed(pages, "rooms") == ["list_rooms", "delete_rooms"]
    html = pages.get("/", params={"search": '"><script>'}).text
    assert "<script" not in html
    assert "0 queries for “&#34;&gt;&lt;script&gt;”" in html
    assert "&lt;i&gt;with&lt;/i&gt;" in pages.get("/").text
    assert re.search(r"delete_rooms</a>\s*<span[^>]*>writes", pages.get("/").text)
