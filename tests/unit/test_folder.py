"""A folder of query files that changes: what is read of it, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from guestsql.errors import QueryFileError
from guestsql.sql import Folder, Query

ONE = "-- name: get_one()$\nSELECT 1;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "some.sql").write_text(ONE)
    folder = Folder(tmp_path)
    assert folder.changed() is None
    assert folder.changed() is not None
    return folder


def names(folder: Folder) -> list[str] | None:
    found = folder.changed()
    return None if found is None else list(found.catalogue)


def test_nothing_has_changed(folder: Folder) -> None:
    assert names(folder) is None
    folder.forget()
    assert names(folder) == ["get_one"]


def test_a_file_that_is_still_written_is_left_alone(folder: Folder) -> None:
    with (folder.directory / "some.sql").open("w") as file:
        for part in ("-- name: get_two()$\n", "DELETE FROM guests ", "WHERE FALSE"):
            assert names(folder) is None
            file.write(part)
            file.flush()
        assert names(folder) is None
        assert names(folder) == ["get_two"]
        assert names(folder) is None


def test_a_file_that_is_written_while_it_is_read_is_read_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder.directory / "some.sql"
    file.write_text(ONE.replace("one", "two"))
    assert names(folder) is None
    read = folder.parse

    def interrupted(data: bytes, path: Path) -> tuple[list[Query], list[QueryFileError]]:
        file.write_text(ONE.replace("one", "three"))
        return read(data, path)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "parse", interrupted)
        assert names(folder) is None
    assert names(folder) == ["get_three"]


def test_only_what_has_changed_is_parsed_again(folder: Folder) -> None:
    first = folder.parse(ONE.encode(), folder.directory / "some.sql")
    again = folder.parse(ONE.encode(), folder.directory / "some.sql")
    other = folder.parse(ONE.encode() + b"\n", folder.directory / "some.sql")
    assert first[0][0] is again[0][0]
    assert first[0][0] is not other[0][0]
    assert first[0] is not again[0]  # each caller has its own list to add to


def test_the_query_of_a_line(folder: Folder) -> None:
    file = folder.directory / "some.sql"
    folder.parse(f"-- a head\n{ONE}{ONE.replace('one', 'two')}".encode(), file)
    assert [folder.query_at(file, line) for line in range(1, 6)] == [None, "get_one", "get_one", "get_two", "get_two"]
    assert folder.query_at(file, None) is None
    assert folder.query_at(folder.directory / "other.sql", 1) is None
