"""GS802: a segment lists people through the view that requires consent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guestsql.check import check_files, scratch_database
from guestsql.check.segments import SegmentRule
from guestsql.embedded import PrivateServer
from guestsql.guests.segments import SEGMENT_KEY, SEGMENT_PARAMETERS, SEGMENT_VIEW
from guestsql.settings import Settings
from tests.checking import QUERIES, told

RULE = SegmentRule(SEGMENT_VIEW, SEGMENT_KEY, SEGMENT_PARAMETERS)
PAGE = (QUERIES.parent / "docs" / "rules" / "GS802.md").read_text(encoding="utf-8")

HEAD = """\
-- name: list_segment(purpose, channel, max_rows)
-- A segment.
-- segment: own
--   purpose: text, what the campaign is for
--   channel: text, through which it contacts people
--   max_rows: int = 10, rows at most
"""
WHERE = "WHERE purpose = :purpose::text AND channel = :channel::text ORDER BY phone_number LIMIT :max_rows::int;\n"
UNION = (
    "SELECT phone_number FROM guest_profiles WHERE :purpose::text <> :channel::text"
    " UNION SELECT phone_number FROM consented_guests ORDER BY phone_number LIMIT :max_rows::int;\n"
)
VIEW = "SELECT phone_number, purpose, channel FROM consented_guests"
DIRECT = f"SELECT phone_number FROM consented_guests {WHERE}"
FOREIGN = "SELECT {0} FROM guest_profiles AS guest INNER JOIN consented_guests AS ok USING (phone_number) " + WHERE


def rules(server: PrivateServer, folder: Path, text: str) -> list[str]:
    file = folder / "own.sql"
    file.write_text(text)
    found = check_files([file], scratch_database(Settings(), server.url()), segments=RULE).findings
    return [each.rule for each in found if each.rule not in ("GS307", "GS501")]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (DIRECT, []),
        (
            f"WITH found AS ({VIEW}) SELECT phone_number FROM found {WHERE}",
            [],
        ),
        (
            f"SELECT phone_number FROM ({VIEW}) AS found {WHERE}",
            [],
        ),
        (FOREIGN.format("ok.phone_number").replace("ORDER BY phone", "ORDER BY ok.phone"), []),
        (FOREIGN.format("guest.phone_number").replace("ORDER BY phone", "ORDER BY guest.phone"), ["GS802"]),
        (DIRECT.replace("SELECT phone_number", "SELECT phone_number || '' AS phone_number"), ["GS802"]),
        (DIRECT.replace("SELECT phone_number", "SELECT current_phone AS phone_number"), ["GS802"]),
        (DIRECT.replace("SELECT phone_number", "SELECT user_name"), ["GS802"]),
        (UNION, ["GS802"]),
    ],
)
def test_where_the_people_come_from(server: PrivateServer, tmp_path: Path, sql: str, expected: list[str]) -> None:
    assert sorted(rules(server, tmp_path, HEAD + sql)) == sorted(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("max_rows)", "max_rows)^", ["GS802", "GS302"]),
        ("--   purpose: text", "--   purpose: varchar", ["GS802", "GS107"]),
        ("segment: own", "segment: Own", ["GS007"]),
        ("segment: own", "segment:", ["GS007"]),
        ("segment: own", "segment: own\n-- segment: other", ["GS007"]),
        ("segment: own", "segmnt: own", ["GS007"]),
    ],
)
def test_what_a_segment_is(server: PrivateServer, tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert sorted(rules(server, tmp_path, (HEAD + DIRECT).replace(old, new, 1))) == sorted(expected)


def test_a_segment_has_a_name_of_its_own(server: PrivateServer, tmp_path: Path) -> None:
    text = HEAD + DIRECT
    assert rules(server, tmp_path, text + text.replace("list_segment", "list_other")) == ["GS007"]


def test_the_examples_of_the_page(server: PrivateServer, tmp_path: Path) -> None:
    wrong, right = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert set(rules(server, tmp_path, wrong)) == {"GS802"}
    assert rules(server, tmp_path, right) == [], told([])
