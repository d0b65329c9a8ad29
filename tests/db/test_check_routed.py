"""GS503 and GS504: what a query marked `-- check: routed guest` promises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from guestsql.check import Finding, check_files, scratch_database
from guestsql.embedded import PrivateServer
from guestsql.settings import Settings
from tests.checking import GUEST_ROUTE, check_text, extended_migrations, told

HEAD = "-- name: get_it(phone_number)!\n-- One.\n-- check: routed guest\n--   phone_number: text\n"
FOUND_BY_KEY = (
    "UPDATE guest_threads AS known SET tokens = 0 FROM guest_profiles AS guest"
    " WHERE guest.phone_number = :phone_number::text AND known.phone_number = guest.phone_number"
)
OTHER_KEY = (
    "INSERT INTO stays AS known (stay_id, hotel_id, room_number, phone_number, begins) OVERRIDING SYSTEM VALUE"
    " SELECT 1, 1, 1, :phone_number::text, '2026-01-01' ON CONFLICT (stay_id) DO NOTHING"
)
KEY = "(SELECT ids.phone_number FROM guest_ids AS ids WHERE ids.id = :phone_number::text)"
LEASE = "UPDATE guest_profiles SET context_lease = {} WHERE phone_number = :phone_number::text"
COUNT = "INSERT INTO operations AS known (source, operation_id) VALUES ('own', :phone_number::text)"
STAY = "INSERT INTO stays (hotel_id, room_number, phone_number, begins) SELECT 1, 1, :phone_number::text, '2026-01-01'"
IDS = "UPDATE guest_ids SET last_seen_at = statement_timestamp() WHERE {} = :phone_number::text"


CASES: list[tuple[str, list[str]]] = [
    (LEASE.format("NULL"), []),
    (f"UPDATE guest_profiles SET context_lease = NULL WHERE phone_number = {KEY}", []),
    (LEASE.format("NULL").replace("= :phone_number::text", "= ANY(ARRAY[:phone_number::text])"), []),
    # A row found by the key of another row.
    (FOUND_BY_KEY, []),
    # A table that is the same everywhere may be read, but not written.
    (f"{STAY} FROM rooms WHERE floor = 1", []),
    ("UPDATE rooms SET floor = 2 WHERE code = :phone_number::text", ["GS503"]),
    (f"{COUNT} ON CONFLICT (source, operation_id) DO NOTHING", []),
    (IDS.format("id"), []),
    (IDS.format("phone_number"), ["GS503"]),
    (LEASE.format("NULL").replace("phone_number =", "thread_id ="), ["GS503"]),
    (LEASE.format("NULL").replace("phone_number =", "phone_number >="), ["GS503"]),
    (LEASE.format("NULL") + " OR thread_id = 'x'", ["GS503"]),
    ("DELETE FROM stays WHERE stay_id = 1 AND note = :phone_number::text", ["GS503"]),
    (LEASE.format("NULL").replace("context_lease = NULL", "phone_number = '573000000001'"), ["GS503"]),
    (OTHER_KEY, ["GS503"]),
    (LEASE.format("gen_random_uuid()"), ["GS504"]),
    (LEASE.format("NULL, last_context_update = clock_timestamp()"), ["GS504"]),
    (LEASE.format("NULL, last_context_update = statement_timestamp()"), []),
]


def rules_by_query(found: Iterable[Finding]) -> dict[str, list[str]]:
    rules: dict[str, list[str]] = {}
    for each in found:
        rules.setdefault(each.query, []).append(each.rule)
    return rules


def test_what_a_routed_query_may_do(server: PrivateServer, tmp_path: Path) -> None:
    text = "".join(f"{HEAD.replace('get_it', f'do_{number}')}{sql};\n\n" for number, (sql, _) in enumerate(CASES))
    # A route that is not there.
    text += HEAD.replace("get_it", "get_lost").replace("routed guest", "routed hotel") + LEASE.format("NULL") + ";\n"
    expected = {f"do_{number}": rules for number, (_, rules) in enumerate(CASES) if rules} | {"get_lost": ["GS007"]}
    found = check_text(server.url(), tmp_path, {"q.sql": text}, extended_migrations(tmp_path))
    assert rules_by_query(found) == expected, told(found)


def test_a_packaged_query_that_is_hot_is_routed(server: PrivateServer, tmp_path: Path) -> None:
    cases = [
        ("unmarked", "hot", LEASE.format("NULL"), ["GS503"]),
        ("marked", "hot\n-- check: routed guest", LEASE.format("NULL"), []),
        # No table that holds a guest's key.
        ("another", "hot", "UPDATE retention_rules SET keep_days = 1 WHERE kind = :phone_number::text", []),
    ]
    file = tmp_path / "q.sql"
    file.write_text(
        "".join(
            f"{HEAD.replace('get_it', name).replace('routed guest', mark)}{sql};\n\n" for name, mark, sql, _ in cases
        )
    )
    route = replace(GUEST_ROUTE, is_required=True)
    found = check_files([file], scratch_database(Settings(), server.url()), route=route).findings
    assert rules_by_query(found) == {name: rules for name, _, _, rules in cases if rules}, told(found)
