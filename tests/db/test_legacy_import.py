"""The import into a real database: all or nothing, once and for all, beside what the bot writes itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from guestsql import GuestDatabase
from guestsql.errors import DatabaseError, DatabaseUnavailable, LegacyFileError
from guestsql.legacy import import_directory
from guestsql.legacy.reading.json_text import restore
from guestsql.settings import Settings
from guestsql.sql.packaged import packaged_queries
from tests.through_pooler import direct

PHONE = "573000000001"
ANA = {
    "threadId": "thread_a",
    "chatId": f"{PHONE}@s.whatsapp.net",
    "userName": "Ana",
    "createdAt": "2025-01-01T10:00:00.000Z",
    "lastActivity": "2025-01-02T10:00:00.000Z",
    "labels": ["cotización"],
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "bot"
    path.mkdir()
    return path


@pytest.fixture
def run(folder, database_url):
    def _run(files: dict[str, object] | None = None, **options):
        for name, value in (files or {}).items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        settings = Settings(own_numbers=options.pop("own_numbers", ()))
        # A lock that is never released is a failure, not a wait. A pooler takes no options.
        url = database_url if direct(database_url) != database_url else f"{database_url}&options=-clock_timeout%3D30s"
        return import_directory(folder, settings=settings, url=url, **options)

    return _run


@pytest.fixture
def row(autocommit):
    def _row(phone=PHONE):
        cursor = autocommit.cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute("SELECT *, xmin::text FROM guest_profiles WHERE phone_number = %s", [phone]).fetchone()

    return _row


def told(report):
    """What a dry run reports too."""
    return {
        **report.as_dict(),
        "adjusted": [(each.path, each.pointer, each.written) for each in report.adjusted],
        **dict.fromkeys(("dry_run", "import_id", "seconds", "peak_memory_bytes", "table_bytes")),
    }


def counts(report):
    return report.inserted, report.updated, report.unchanged, report.rejected


def test_the_columns_and_the_record(run, row):
    report = run({"threads.json": [[PHONE, ANA]]})
    assert counts(report) == (1, 0, 0, 0)
    guest = row()
    assert guest["chat_id"] == ANA["chatId"]
    assert (guest["thread_id"], guest["thread_tokens"]) == ("thread_a", 0)
    assert (guest["user_name"], guest["contact_name"], guest["labels"]) == ("Ana", None, ["cotización"])
    assert guest["first_interaction"] == guest["created_at"] == datetime(2025, 1, 1, 10, tzinfo=UTC)
    assert guest["last_interaction"] == guest["updated_at"] == datetime(2025, 1, 2, 10, tzinfo=UTC)
    assert guest["profile_data"] == {"legacy": {"threads": {PHONE: ANA}}}


def test_the_report_is_the_contracts(run):
    report = run(
        {
            "threads.json": [[PHONE, ANA], ["120363000000000001@g.us", {}], ["573009999999", {}], [f"+{PHONE}", {}]],
            "guest_profiles.json": {PHONE: {"name": "Ana"}, "x": {}},
            "backups/threads-2025-01-01T00-00-00-000Z.json": "",
        },
        own_numbers=("+57 300 999 9999",),
    ).as_dict()
    contract = ["files", "records", "guests", "inserted", "updated", "unchanged", "rejected", "rejects", "dry_run"]
    assert list(report)[: len(contract)] == contract
    more = {
        "adjusted",
        "conflicts",
        "merged",
        "file_bytes",
        "table_bytes",
        "peak_memory_bytes",
        "seconds",
        "import_id",
        "erased",
        "unread",
    }
    assert set(report) == {*contract, *more}
    assert (report["merged"], report["file_bytes"]) == (2, sum(file["bytes"] for file in report["files"]))
    assert report["table_bytes"] > 0
    assert report["peak_memory_bytes"] > 10**7
    assert [(file["path"], file["records"]) for file in report["files"]] == [
        ("threads.json", 4),
        ("guest_profiles.json", 2),
        ("backups/threads-2025-01-01T00-00-00-000Z.json", 0),
    ]
    assert {len(file["sha256"]) for file in report["files"]} == {64}
    assert (report["records"], report["guests"], report["rejected"], report["dry_run"]) == (6, 1, 3, False)
    assert [(reject["path"], reject["pointer"]) for reject in report["rejects"]] == [
        ("threads.json", "/1"),
        ("threads.json", "/2"),
        ("guest_profiles.json", "/x"),
    ]
    json.dumps(report).encode()


FUTURE = "2099-01-01T00:00:00.000Z"


@pytest.mark.parametrize("others", [0, 1])
def test_a_time_in_the_future_is_that_of_the_import_and_is_reported(run, row, autocommit, others):
    record = {"threadId": "t", "createdAt": "2025-01-01", "lastActivity": FUTURE}
    files = {"threads.json": [[f"57300000000{n}", ANA] for n in (8, 9)] + [[PHONE, record]] * (1 + others)}
    report = run(files)
    (imported_at,) = autocommit.execute("SELECT started_at FROM legacy_imports").fetchone()
    guest = row(PHONE)
    assert (guest["first_interaction"], guest["created_at"]) == (datetime(2025, 1, 1, tzinfo=UTC),) * 2
    assert (guest["last_interaction"], guest["updated_at"]) == (imported_at, imported_at)
    assert guest["profile_data"]["legacy"]["threads"][PHONE] == record
    assert report.as_dict()["adjusted"] == [
        {
            "path": "threads.json",
            "pointer": f"/{place}/1/lastActivity",
            "written": "2099-01-01T00:00:00+00:00",
            "used": imported_at.isoformat(),
        }
        for place in range(2, 3 + others)
    ]
    assert report.rejects == ()
    assert run().unchanged == report.guests
    assert row(PHONE)["last_interaction"] == imported_at


def test_each_time_in_the_future_is_limited_and_the_later_one_still_wins(run, row, autocommit):
    backup = "backups/threads-2099-02-01T00-00-00-000Z.json"
    run(
        {
            "threads.json": [[PHONE, {"threadId": "t", "userName": "A", "createdAt": FUTURE}]],
            backup: [[PHONE, {"userName": "B"}]],
        }
    )
    (imported_at,) = autocommit.execute("SELECT started_at FROM legacy_imports").fetchone()
    guest = row(PHONE)
    assert guest["user_name"] == "B"
    assert guest["last_interaction"] is None
    for column in ("first_interaction", "thread_created_at", "created_at", "updated_at"):
        assert guest[column] == imported_at


def test_a_time_in_the_future_moves_a_known_guest_to_the_time_of_the_import(run, row, database_url, autocommit):
    with GuestDatabase(database_url) as db:
        db.record_interaction(PHONE, at=datetime(2025, 1, 1, tzinfo=UTC))
    run({"threads.json": [[PHONE, {"lastActivity": FUTURE, "userName": "Ana"}]]})
    (imported_at,) = autocommit.execute("SELECT started_at FROM legacy_imports").fetchone()
    guest = row(PHONE)
    assert (guest["last_interaction"], guest["user_name"]) == (imported_at, "Ana")
    assert guest["first_interaction"] == datetime(2025, 1, 1, tzinfo=UTC)


def test_again_nothing_changes_and_no_row_is_written(run, row):
    files = {"threads.json": [[PHONE, ANA], ["573000000002", {}]], "guest_profiles.json": {PHONE: {"name": "Ana M."}}}
    run(files)
    before = row(), row("573000000002")
    assert counts(run()) == (0, 0, 2, 0)
    assert (row(), row("573000000002")) == before


def test_previous_threads_are_those_of_the_guest(run, database_url, autocommit):
    old = ANA | {"previousThreads": ["thread_0", " thread_1\n", "", 7, None, "thread_a", "thread_0"]}
    files = {
        "threads.json": [[PHONE, old], ["573000000002", {"previousThreads": "thread_0"}], ["573000000003", {}]],
        "backups/threads-2025-01-01T00-00-00-000Z.json": {PHONE: {"threadId": "t", "previousThreads": ["thread_9"]}},
    }
    assert counts(run(files, dry_run=True)) == (3, 0, 0, 0)
    assert autocommit.execute("SELECT count(*) FROM guest_threads").fetchone() == (0,)
    run(files)
    imported = [("thread_0", 0, "imported"), ("thread_1", 0, "imported"), ("thread_9", 0, "imported")]
    with GuestDatabase(database_url) as db:
        current, *previous = db.get_threads(PHONE)
        assert current.thread_id == "thread_a"
        assert [(each.thread_id, each.token_count, each.reason) for each in previous] == imported
        assert {each.created_at for each in previous} | {each.ended_at for each in previous} == {None}
        assert [each.thread_id for each in db.get_threads("573000000002")] == ["thread_0"]
        assert db.add_thread_tokens(PHONE, "thread_0", 5) == 5
        db.set_thread(PHONE, "thread_1")
        threads = db.get_threads(PHONE)
        run()
        newer = {"threadId": "thread_b", "lastActivity": datetime.now(UTC).isoformat(), "previousThreads": ["thread_2"]}
        assert db.get_threads(PHONE) == threads
        assert counts(run({"threads.json": [[PHONE, newer]]})) == (0, 1, 0, 0)
        found = {each.thread_id: (each.token_count, each.reason) for each in db.get_threads(PHONE)}
    assert found["thread_b"] == (0, None)
    assert (found["thread_0"], found["thread_1"]) == ((5, "imported"), (0, "replaced"))
    assert found.keys() == {"thread_b", "thread_a", "thread_0", "thread_1", "thread_2", "thread_9"}


def test_a_dry_run_reports_the_same_and_writes_nothing(run, row):
    files = {"threads.json": [[PHONE, ANA], ["bad", {}]]}
    dry = run(files, dry_run=True)
    assert row() is None
    wet = run()
    assert dry.dry_run
    assert told(dry) == told(wet)


def test_a_newer_file_updates_and_the_older_record_stays_readable(run, row):
    run({"threads.json": [[PHONE, ANA]]})
    newer = {"threadId": "thread_b", "userName": "Ana María", "lastActivity": "2025-01-03T10:00:00.000Z", "labels": []}
    assert counts(run({"threads.json": [[PHONE, newer]]})) == (0, 1, 0, 0)
    guest = row()
    assert (guest["thread_id"], guest["user_name"], guest["labels"]) == ("thread_b", "Ana María", [])
    assert guest["chat_id"] == ANA["chatId"]
    kept = guest["profile_data"]["legacy"]["threads"]
    assert kept[PHONE] == ANA
    assert newer in kept.values()
    assert counts(run()) == (0, 0, 1, 0)
    # The older file after the newer one brings nothing back.
    assert counts(run({"threads.json": [[PHONE, ANA]]})) == (0, 0, 1, 0)
    assert row() == guest


def test_an_older_folder_after_a_newer_one_overrules_nothing(run, row):
    run({"threads.json": [[PHONE, ANA]]})
    older = ANA | {"userName": "Vieja", "lastActivity": "2024-12-01T00:00:00.000Z", "name": "Contacto"}
    assert counts(run({"threads.json": [[PHONE, older]]})) == (0, 1, 0, 0)
    guest = row()
    assert (guest["user_name"], guest["contact_name"]) == ("Ana", "Contacto")
    assert older in guest["profile_data"]["legacy"]["threads"].values()


def test_what_the_bot_wrote_later_wins_and_what_it_lacks_is_filled(run, row, autocommit):
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, user_name, labels, thread_id, thread_tokens, last_interaction,"
        " total_interactions, profile_data, context_cache, last_context_update)"
        " VALUES (%s, 'Nueva', '{VIP}', 'thread_bot', 7, statement_timestamp(), 5, '{\"k\": 1}', 'text',"
        " statement_timestamp())",
        [PHONE],
    )
    before = row()
    assert counts(run({"threads.json": [[PHONE, ANA | {"name": "Contacto", "messageCount": 40}]]})) == (0, 1, 0, 0)
    guest = row()
    for name in ("user_name", "labels", "thread_id", "thread_tokens", "last_interaction", "updated_at"):
        assert guest[name] == before[name]
    assert (guest["contact_name"], guest["chat_id"]) == ("Contacto", ANA["chatId"])
    assert guest["total_interactions"] == 40
    assert guest["first_interaction"] == guest["created_at"] == datetime(2025, 1, 1, 10, tzinfo=UTC)
    assert guest["profile_data"]["k"] == 1
    assert guest["profile_data"]["legacy"]["threads"][PHONE]["userName"] == "Ana"
    assert guest["context_epoch"] == before["context_epoch"] + 1
    assert guest["last_context_update"] is None


def test_a_record_newer_than_the_row_wins(run, row, autocommit):
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, user_name, thread_id, thread_tokens, updated_at)"
        " VALUES (%s, 'Vieja', 'thread_old', 7, '2024-01-01Z')",
        [PHONE],
    )
    run({"threads.json": [[PHONE, ANA]]})
    guest = row()
    assert (guest["user_name"], guest["thread_id"], guest["thread_tokens"]) == ("Ana", "thread_a", 0)
    assert guest["thread_created_at"] == datetime(2025, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("change", ["user_name = 'Otra'", "thread_id = NULL", "labels = '{}'", "chat_id = NULL"])
def test_what_the_bot_changed_after_the_import_is_not_undone(run, row, autocommit, change):
    run({"threads.json": [[PHONE, ANA]]})
    autocommit.execute(f"UPDATE guest_profiles SET {change}, updated_at = statement_timestamp()".encode())
    before = row()
    assert counts(run()) == (0, 0, 1, 0)
    assert row() == before


def test_a_placeholder_in_the_row_gives_way(run, row, autocommit):
    autocommit.execute("INSERT INTO guest_profiles (phone_number, user_name) VALUES (%s, 'Usuario')", [PHONE])
    run({"threads.json": [[PHONE, ANA]]})
    assert row()["user_name"] == "Ana"


def test_keys_of_profile_data_that_the_bot_took_are_kept(run, row, autocommit):
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, profile_data) VALUES (%s, '{\"legacy\": [1]}')", [PHONE]
    )
    run({"threads.json": [[PHONE, ANA]]})
    assert row()["profile_data"] == {"legacy": {"replaced": [1], "threads": {PHONE: ANA}}}
    assert counts(run()) == (0, 0, 1, 0)


def test_times_that_contradict_the_row_break_nothing(run, row, autocommit):
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, last_interaction, updated_at)"
        " VALUES (%s, '2020-01-01Z', '2020-01-01Z')",
        [PHONE],
    )
    run({"guest_profiles.json": [[PHONE, {"firstInteraction": "2025-01-01"}]]})
    assert row()["first_interaction"] == row()["last_interaction"] == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_guest_without_any_time_or_field(run, row):
    assert counts(run({"threads.json": [[PHONE, {}]]})) == (1, 0, 0, 0)
    assert row()["last_interaction"] is None
    assert counts(run()) == (0, 0, 1, 0)


def test_what_jsonb_refuses_is_stored_and_comes_back(run, autocommit):
    text = (
        '[["573000000001",{"userName":"Ana \\ud83d\\u0000","\\u0000":"\\\\u0000","id":9007199254740993,'
        '"price":1.10,"no":NaN,"huge":1e99999,"long":' + "9" * 5000 + "}]]"
    )
    assert counts(run({"threads.json": text})) == (1, 0, 0, 0)
    stored, name = autocommit.execute("SELECT profile_data::text, user_name FROM guest_profiles").fetchone()
    assert name == "Ana"
    assert '"price": 1.10' in stored
    record = json.loads(stored, parse_float=Decimal)["legacy"]["threads"][PHONE]
    kept = restore(record)
    assert kept["userName"] == "Ana \ud83d\x00"
    assert kept["\x00"] == r"\u0000"
    assert kept["id"] == 9007199254740993
    assert [kept[name].text for name in ("no", "huge", "long")] == ["NaN", "1e99999", "9" * 5000]


@pytest.mark.parametrize("known", [0, 1])
def test_a_failure_in_the_middle_leaves_nothing(run, autocommit, known):
    autocommit.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.phone_number = '573000000901' THEN RAISE 'disk full'; END IF; RETURN NEW; END $$"
    )
    autocommit.execute("CREATE TRIGGER refuse BEFORE INSERT ON guest_profiles FOR EACH ROW EXECUTE FUNCTION refuse()")
    if known:
        autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES ('573000001001')")
    pairs = [[f"573000000{n:03}", ANA] for n in range(1000)]
    with pytest.raises(DatabaseError, match="disk full") as failure:
        run({"threads.json": pairs})
    assert failure.value.query == "insert_legacy_guests"
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (known,)
    for table in ("legacy_imports", "legacy_rejects", "legacy_staging"):
        assert autocommit.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
    autocommit.execute("DROP TRIGGER refuse ON guest_profiles")
    assert counts(run()) == (1000, 0, 0, 0)


@pytest.mark.parametrize("again", [PHONE, f"+{PHONE}", f"{PHONE}@s.whatsapp.net"])
def test_two_records_of_one_guest_in_a_file_make_one_guest(run, row, again):
    pairs = [[PHONE, ANA], ["573000000002", ANA], [again, {"userName": "Ana Núñez", "lastActivity": "2026-01-01"}]]
    report = run({"threads.json": pairs})
    assert (report.inserted, report.merged) == (2, 1)
    assert row()["user_name"] == "Ana Núñez"
    assert counts(run()) == (0, 0, 2, 0)


def test_a_guest_who_is_archived_during_the_import_is_not_left_out(run, row, autocommit, database_url, monkeypatch):
    """Between the statement that inserts and the one that updates."""
    times = []

    def packaged(*files):
        queries = packaged_queries(*files)
        usual = queries.update_legacy_guests

        def update(*given, **named):
            times.append(1)
            if len(times) == 1:
                autocommit.execute("UPDATE guest_profiles SET last_interaction = now() - interval '9 years'")
                with GuestDatabase(database_url) as db:
                    assert db.archive_guests(silent_days=365) == 1
            return usual(*given, **named)

        monkeypatch.setattr(queries, "update_legacy_guests", update)
        return queries

    monkeypatch.setattr("guestsql.legacy.importing.run.packaged_queries", packaged)
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [PHONE])
    assert counts(run({"threads.json": [[PHONE, ANA]]})) == (0, 1, 0, 0)
    assert len(times) == 2
    assert row()["user_name"] == "Ana"


def test_a_file_that_stops_being_readable_leaves_nothing(run, autocommit, monkeypatch):
    pairs = [[f"573000000{n:03}", ANA] for n in range(1000)]
    run({"threads.json": pairs, "guest_profiles.json": []}, dry_run=True)
    opened = Path.open

    def broken(path, *args, **options):
        file = opened(path, *args, **options)
        if path.name == "guest_profiles.json":
            file.close()
            return opened(path.parent, *args, **options)
        return file

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(LegacyFileError, match="cannot be read"):
        run()
    monkeypatch.undo()
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (0,)
    assert counts(run()) == (1000, 0, 0, 0)


@pytest.mark.parametrize("dry_run", [False, True])
def test_progress_goes_up_to_the_size_of_the_files(run, folder, dry_run):
    told = []
    pairs = [[f"573000000{n:03}", ANA] for n in range(1000)]
    run({"threads.json": pairs, "guest_profiles.json": []}, dry_run=dry_run, progress=lambda *step: told.append(step))
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert {total for _, total in told} == {size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (size, size)


def test_a_bot_that_writes_during_the_import_waits_for_no_one_but_its_own_guest(run, database_url):
    """Rows that are not to be changed are not locked: a bot that holds one does not stop a second run."""
    run({"threads.json": [[PHONE, ANA]]})
    with psycopg.connect(database_url) as bot:
        bot.execute("UPDATE guest_profiles SET thread_tokens = 1")
        assert counts(run()) == (0, 0, 1, 0)


def test_two_imports_at_once_make_each_row_once(run):
    pairs = [[f"573000000{n:03}", ANA] for n in range(1000)]
    run({"threads.json": pairs}, dry_run=True)
    with ThreadPoolExecutor(2) as pool:
        reports = [*pool.map(lambda _: run(), range(2))]
    assert sorted(counts(report) for report in reports) == [(0, 0, 1000, 0), (1000, 0, 0, 0)]


def test_no_server_and_no_schema_are_said_so(folder, empty_database_url):
    (folder / "threads.json").write_text(json.dumps([[PHONE, ANA]]))
    with pytest.raises(DatabaseError) as missing:
        import_directory(folder, settings=Settings(), url=empty_database_url)
    assert "guestsql migrate up" in missing.value.hint
    with pytest.raises(DatabaseUnavailable):
        import_directory(folder, settings=Settings(), url="postgresql:///none?host=/nowhere")
    with pytest.raises(LegacyFileError):
        import_directory(folder / "absent", settings=Settings(), url=empty_database_url)


def test_the_sample_is_imported_whole(database_url):
    sample = Path(import_directory.__code__.co_filename).parent.parent / "cli" / "sample"
    first = import_directory(sample, settings=Settings(), url=database_url)
    assert (first.records, first.rejected) == (31, 0)
    assert first.inserted == first.guests == 24
    assert counts(import_directory(sample, settings=Settings(), url=database_url)) == (0, 0, 24, 0)


KEYS = st.sampled_from([f"57300000000{n}" for n in range(5)] + [f"+{PHONE}", f"{PHONE}@c.us", "1@lid", "bad", "1@g.us"])
TEXTS = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from("\\u0d8\x00\ud83d")), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("name"), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.sampled_from(["2025-01-01", "2025-01-02T10:00:00.5Z", 1735689600123, "Invalid Date", 4e10, "9999-12-31"])
NAMES = st.sampled_from(
    [
        "threadId",
        "chatId",
        "userName",
        "name",
        "labels",
        "whapiLabels",
        "label",
        "messageCount",
        "createdAt",
        "lastActivity",
        "firstInteraction",
    ]
)
RECORDS = st.builds(
    lambda fields, times: fields | times,
    st.dictionaries(NAMES | TEXTS, VALUES, max_size=5),
    st.dictionaries(st.sampled_from(["createdAt", "lastActivity", "lastInteraction", "firstInteraction"]), TIMES),
)
PAIRS = st.lists(st.tuples(KEYS, RECORDS | VALUES), max_size=6)


@given(threads=PAIRS, profiles=PAIRS)
@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_files_hold(run, autocommit, threads, profiles):
    autocommit.execute("TRUNCATE guest_profiles CASCADE")
    files = {"threads.json": [list(pair) for pair in threads], "guest_profiles.json": [list(pair) for pair in profiles]}
    dry = run(files, dry_run=True)
    first = run(files)
    assert told(dry) == told(first)
    assert first.records == len(threads) + len(profiles)
    assert first.inserted == first.guests
    before = autocommit.execute("SELECT xmin::text, g.* FROM guest_profiles AS g ORDER BY phone_number").fetchall()
    second = run(files)
    assert (second.inserted, second.updated, second.unchanged) == (0, 0, first.guests)
    after = autocommit.execute("SELECT xmin::text, g.* FROM guest_profiles AS g ORDER BY phone_number").fetchall()
    assert before == after
    stored = autocommit.execute("SELECT (profile_data -> 'legacy')::text FROM guest_profiles").fetchall()
    kept = [restore(json.loads(text, parse_float=Decimal)) for (text,) in stored]
    for source, pairs in (("threads", threads), ("guest_profiles", profiles)):
        records = [record for legacy in kept for record in legacy.get(source, {}).values()]
        wanted = json.loads(json.dumps([value for _, value in pairs]), parse_float=Decimal)
        assert len(records) + sum(reject.path == f"{source}.json" for reject in first.rejects) == len(wanted)
        assert all(record in wanted for record in records)
