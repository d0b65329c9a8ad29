"""The export is what the old bot had written, except for what has changed since."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

import guestsql.cli
from guestsql import CLEAR, GuestDatabase
from guestsql.errors import DatabaseError, LegacyFileError
from guestsql.guests.identity import canonical_user_id
from guestsql.legacy import import_directory
from guestsql.legacy.exporting import export_directory
from guestsql.legacy.verifying import verify_directory
from guestsql.settings import Settings

PHONE = "573000000001"
OTHER = "573000000002"
NEW = "573000000003"
SAMPLE = Path(guestsql.cli.__file__).parent / "sample"
ANA = {
    "threadId": "thread_a",
    "chatId": f"{PHONE}@s.whatsapp.net",
    "userName": "Ana",
    "createdAt": "2025-01-01T10:00:00.000Z",
    "lastActivity": "2025-01-02T10:00:00.000Z",
    "name": "Ana Lucía",
    "labels": [{"id": "7", "name": "Colega Jefe", "color": "gold"}],
}
PROFILE = {
    "id": PHONE,
    "name": "Ana",
    "phone": PHONE,
    "label": "nuevo",
    "whapiLabels": [],
    "firstInteraction": "2025-01-01T10:00:00.000Z",
    "lastInteraction": "2025-01-01T10:00:00.000Z",
}


@pytest.fixture
def load(tmp_path, database_url):
    numbers = iter(range(1000))

    def _load(**files: object):
        folder = tmp_path / f"in{next(numbers)}"
        folder.mkdir()
        for name, value in files.items():
            text = value if isinstance(value, str) else json.dumps(value)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")
        return import_directory(folder, settings=Settings(), url=database_url)

    return _load


@pytest.fixture
def export(tmp_path, database_url):
    """Export into a new folder; the folder."""
    numbers = iter(range(1000))

    def _export() -> Path:
        folder = tmp_path / f"out{next(numbers)}"
        export_directory(folder, settings=Settings(), url=database_url)
        return folder

    return _export


def texts(folder: Path) -> tuple[str, str]:
    return tuple((folder / f"{name}.json").read_text(encoding="utf-8") for name in ("threads", "guest_profiles"))


def pairs(folder: Path, name: str = "threads") -> dict[str, dict]:
    return dict(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def test_the_sample_comes_back_key_for_key(database_url, export):
    import_directory(SAMPLE, settings=Settings(), url=database_url)
    folder = export()
    for name in ("threads", "guest_profiles"):
        given = json.loads((SAMPLE / f"{name}.json").read_text(encoding="utf-8"))
        wanted: dict[str, dict] = {}
        for key, record in given:
            # Two spellings of one guest come back as one record: the newer one, with what only the older one has.
            before = wanted.get(canonical_user_id(key), {})
            wanted[canonical_user_id(key)] = before | record
            if "createdAt" in before:
                wanted[canonical_user_id(key)]["createdAt"] = min(before["createdAt"], record["createdAt"])
        assert pairs(folder, name) == wanted
    again = import_directory(folder, settings=Settings(), url=database_url)
    assert (again.inserted, again.updated) == (0, 3)  # the three keys that were spelled otherwise
    assert texts(export()) == texts(folder)
    assert import_directory(folder, settings=Settings(), url=database_url).updated == 0
    assert verify_directory(SAMPLE, settings=Settings(), url=database_url).passed


def test_the_bots_own_order_of_members(load, export):
    load(threads=[[PHONE, ANA | {"previousThreads": ["thread_0"]}]], guest_profiles=[[PHONE, PROFILE]])
    folder = export()
    assert texts(folder) == (
        json.dumps([[PHONE, ANA | {"previousThreads": ["thread_0"]}]], ensure_ascii=False, separators=(",", ":")),
        json.dumps([[PHONE, PROFILE]], separators=(",", ":")),
    )


def test_an_empty_database(export):
    assert texts(export()) == ("[]", "[]")


def test_what_jsonb_refuses_comes_back_digit_by_digit(load, export):
    record = (
        '{"threadId":"t","userName":"Ana \\ud83d\\u0000","big":9007199254740993,"huge":1e99999,"price":1.10,'
        '"\\u0000":"\\\\u0000","slash":"\\\\ud83d","pair":"🌴","long":' + "9" * 5000 + "}"
    )
    load(threads=f'[["{PHONE}",{record}]]')
    text = texts(export())[0]
    assert json.loads(text, parse_int=str, parse_float=str) == json.loads(
        f'[["{PHONE}",{record}]]', parse_int=str, parse_float=str
    )
    assert r"\ud83d" in text
    assert "🌴" in text


def test_a_number_that_json_does_not_have_becomes_null_and_is_counted(load, export, tmp_path, database_url):
    load(threads=f'[["{PHONE}",{{"no":NaN,"far":-Infinity}}]]')
    report = export_directory(tmp_path / "x", settings=Settings(), url=database_url)
    assert report.no_numbers == 2
    assert pairs(tmp_path / "x")[PHONE] == {"no": None, "far": None}
    import_directory(tmp_path / "x", settings=Settings(), url=database_url)
    assert texts(export()) == texts(tmp_path / "x")


def test_what_the_bot_wrote_since_is_in_both_files(load, export, database_url):
    load(threads=[[PHONE, ANA], [OTHER, {"threadId": "t"}]], guest_profiles=[[PHONE, PROFILE]])
    with GuestDatabase(database_url) as db:
        db.update_profile(PHONE, user_name="Ana María", labels=["VIP", "Colega Jefe"], contact_name=CLEAR)
        db.set_thread(PHONE, "thread_new")
    folder = export()
    assert pairs(folder)[PHONE] == {
        "threadId": "thread_new",
        "chatId": ANA["chatId"],
        "userName": "Ana María",
        "createdAt": ANA["createdAt"],
        "lastActivity": ANA["lastActivity"],
        "labels": [{"name": "VIP"}, ANA["labels"][0]],
    }
    assert pairs(folder)[OTHER] == {"threadId": "t"}
    assert pairs(folder, "guest_profiles")[PHONE] == PROFILE | {
        "name": "Ana María",
        "label": "VIP",
        "whapiLabels": [{"name": "VIP"}, ANA["labels"][0]],
        "lastInteraction": ANA["lastActivity"],
    }
    import_directory(folder, settings=Settings(), url=database_url)
    with GuestDatabase(database_url) as db:
        profile = db.get_profile(PHONE)
    assert profile is not None
    assert (profile.user_name, profile.contact_name, profile.labels) == ("Ana María", None, ["VIP", "Colega Jefe"])
    assert texts(export()) == texts(folder)


def test_what_the_bot_cleared_is_cleared(load, export, database_url):
    load(threads=[[PHONE, ANA]], guest_profiles=[[PHONE, PROFILE]])
    with GuestDatabase(database_url) as db:
        db.update_profile(PHONE, user_name=CLEAR, contact_name=CLEAR, labels=[], chat_id=CLEAR)
        db.clear_thread(PHONE)
    folder = export()
    assert pairs(folder)[PHONE] == {
        "threadId": None,
        "userName": "Usuario",
        "createdAt": ANA["createdAt"],
        "lastActivity": ANA["lastActivity"],
        "labels": [],
    }
    assert pairs(folder, "guest_profiles")[PHONE] == PROFILE | {
        "name": None,
        "lastInteraction": ANA["lastActivity"],
    }
    import_directory(folder, settings=Settings(), url=database_url)
    assert texts(export()) == texts(folder)


def test_a_message_since_moves_the_last_activity(load, export, database_url, autocommit):
    load(threads=[[PHONE, ANA]], guest_profiles=[[PHONE, PROFILE]])
    with GuestDatabase(database_url) as db:
        db.record_interaction(PHONE)
    last = autocommit.execute("SELECT last_interaction FROM guest_profiles").fetchone()[0]
    folder = export()
    thread = pairs(folder)[PHONE]
    assert thread["lastActivity"].endswith("Z")
    assert thread["lastActivity"] == pairs(folder, "guest_profiles")[PHONE]["lastInteraction"]
    assert thread == ANA | {"lastActivity": thread["lastActivity"], "messageCount": 1}
    import_directory(folder, settings=Settings(), url=database_url)
    assert autocommit.execute("SELECT last_interaction FROM guest_profiles").fetchone()[0] == last


TOUCHED = {
    "threads": [[PHONE, {"threadId": "t", "userName": "Old", "labels": ["A"], "lastActivity": "2025-07-20T06:00:00Z"}]],
    "guest_profiles": [[PHONE, {"name": "New", "label": "B", "lastInteraction": "2025-07-21T06:00:00Z"}]],
}


def test_all_that_differs_moves_with_the_time(load, export, database_url):
    load(**TOUCHED)
    assert pairs(export()) == dict(TOUCHED["threads"])
    with GuestDatabase(database_url) as db:
        db.record_interaction(PHONE)
    folder = export()
    thread, profile = pairs(folder)[PHONE], pairs(folder, "guest_profiles")[PHONE]
    assert (thread["userName"], thread["labels"]) == ("New", ["A", "B"])
    assert (profile["name"], [label["name"] for label in profile["whapiLabels"]]) == ("New", ["A", "B"])
    assert thread["lastActivity"] == profile["lastInteraction"]


def test_what_only_a_backup_says_is_exported(tmp_path, database_url):
    old = {"threadId": "thread_OLD", "userName": "Old", "labels": ["A"], "lastActivity": "2025-07-20T06:00:00.000Z"}
    new = {"threadId": "thread_NEW", "userName": "New", "lastActivity": "2025-07-21T17:00:00.000Z"}
    (tmp_path / "in" / "backups").mkdir(parents=True)
    (tmp_path / "in" / "threads.json").write_text(json.dumps([[PHONE, old]]))
    (tmp_path / "in" / "backups" / "threads-2025-07-21T17-36-13-918Z.json").write_text(json.dumps([[PHONE, new]]))
    import_directory(tmp_path / "in", settings=Settings(), url=database_url)
    report = export_directory(tmp_path / "x", settings=Settings(), url=database_url)
    assert (report.new, report.changed) == (0, 1)
    assert pairs(tmp_path / "x")[PHONE] == new | {"labels": ["A"]}


def test_a_verification_of_an_export_with_a_bare_date_and_a_fraction_of_a_second(
    load, export, autocommit, database_url
):
    load(
        threads=[
            [PHONE, {"firstInteraction": 1735689600123, "createdAt": "2025-01-03"}],
            [f"+{PHONE}", {"lastInteraction": 1735689600123}],
        ],
        guest_profiles=[[PHONE, {}], [PHONE, {"lastActivity": "2025-01-01", "lastInteraction": "2025-01-01"}]],
    )
    folder = export()
    for known in (True, False):
        if not known:
            autocommit.execute("TRUNCATE guest_profiles CASCADE")
        import_directory(folder, settings=Settings(), url=database_url)
        assert verify_directory(folder, settings=Settings(), url=database_url).differences == []


def test_a_merged_guest_has_no_others_number(load, export, database_url):
    load(guest_profiles=[[OTHER, PROFILE | {"id": OTHER, "phone": OTHER}]])
    with GuestDatabase(database_url) as db:
        db.update_profile(PHONE, chat_id=f"{PHONE}@c.us")
        db.merge_guests(PHONE, OTHER)
    profile = pairs(export(), "guest_profiles")[PHONE]
    assert (profile["id"], profile["phone"]) == (PHONE, PHONE)


def test_a_phone_that_is_another_guests_by_now_has_no_record_of_its_former_owner(load, export, database_url):
    """The old bot knows phones only: it would go on with the former owner's thread."""
    load(threads=[[PHONE, {"threadId": "thread_ana"}]], guest_profiles=[[PHONE, PROFILE]])
    with GuestDatabase(database_url) as db:
        for bsuid in ("CO.former", "CO.stranger"):
            db.link_ids(PHONE, phone=PHONE, bsuid=bsuid)
        db.set_thread(PHONE, "thread_stranger")
        folder = export()
        assert PHONE not in "".join(texts(folder))
        assert pairs(folder)["CO.former"]["threadId"] == "thread_ana"
        assert pairs(folder)["CO.stranger"]["threadId"] == "thread_stranger"
        import_directory(folder, settings=Settings(), url=database_url)
        assert verify_directory(folder, settings=Settings(), url=database_url).differences == []
        assert (db.get_profile("CO.former").user_name, db.get_profile(PHONE).user_name) == (PROFILE["name"], None)


def test_a_guest_made_since_is_in_both_files(export, database_url):
    with GuestDatabase(database_url) as db:
        db.update_profile(NEW, user_name="Nadia", contact_name="Nadia R.", labels=["VIP"], chat_id=f"{NEW}@c.us")
        db.set_thread(NEW, "thread_n")
        db.get_context(OTHER)
    folder = export()
    made = pairs(folder)[NEW]
    # createdAt would be the guest's first message, and there was none.
    assert list(made) == ["threadId", "chatId", "userName", "name", "labels"]
    assert (made["threadId"], made["userName"], made["labels"]) == ("thread_n", "Nadia", ["VIP"])
    assert pairs(folder)[OTHER]["userName"] == "Usuario"
    profile = pairs(folder, "guest_profiles")[NEW]
    assert (profile["name"], profile["label"], profile["whapiLabels"]) == ("Nadia", "VIP", [{"name": "VIP"}])
    import_directory(folder, settings=Settings(), url=database_url)
    assert texts(export()) == texts(folder)


def test_a_guest_of_the_profiles_alone_stays_there_until_the_bot_meets_them(load, export, database_url):
    load(guest_profiles=[[PHONE, PROFILE]])
    folder = export()
    assert (pairs(folder), pairs(folder, "guest_profiles")) == ({}, {PHONE: PROFILE})
    with GuestDatabase(database_url) as db:
        db.set_thread(PHONE, "thread_1")
    assert pairs(export())[PHONE]["threadId"] == "thread_1"


def test_a_guest_of_the_backups_alone_is_among_the_threads(database_url, export, tmp_path):
    (tmp_path / "threads-backup-2025-02-01T00-00-00-000Z.json").write_text(
        json.dumps([[PHONE, ANA | {"odd": 1}]]), encoding="utf-8"
    )
    import_directory(tmp_path, settings=Settings(), url=database_url)
    assert pairs(export())[PHONE] == ANA | {"odd": 1}


def test_the_report(load, tmp_path, database_url):
    load(threads=[[PHONE, ANA], [OTHER, {"threadId": "t"}]])
    with GuestDatabase(database_url) as db:
        db.add_thread_tokens(PHONE, "thread_x", 7)
        db.update_profile(NEW, profile_data={"k": 1}, memory_enabled=False)
    report = export_directory(tmp_path / "x", settings=Settings(), url=database_url).as_dict()
    assert [(file["path"], file["records"]) for file in report["files"]] == [
        ("threads.json", 3),
        ("guest_profiles.json", 1),
    ]
    assert report["files"][0]["size"] == (tmp_path / "x" / "threads.json").stat().st_size
    assert (report["guests"], report["new"], report["changed"], report["no_numbers"]) == (3, 1, 1, 0)
    assert report["left_out"] == {"thread_tokens": 1, "memory_enabled": 1, "profile_data": 1}


def test_a_file_that_is_there_stays(tmp_path, database_url):
    (tmp_path / "guest_profiles.json").write_text("mine")
    with pytest.raises(LegacyFileError) as refusal:
        export_directory(tmp_path, settings=Settings(), url=database_url)
    assert "--force" in refusal.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["guest_profiles.json"]
    (tmp_path / "guest_profiles.json").chmod(0o640)
    export_directory(tmp_path, settings=Settings(), url=database_url, force=True)
    assert (tmp_path / "guest_profiles.json").read_text() == "[]"
    assert (tmp_path / "guest_profiles.json").stat().st_mode & 0o777 == 0o640


def test_a_file_that_comes_meanwhile_stays(tmp_path, database_url, monkeypatch):
    def taken(_row):
        (tmp_path / "threads.json").write_text("theirs")
        return iter(())

    monkeypatch.setattr("guestsql.legacy.exporting.directory._rows", lambda *_: taken(None))
    with pytest.raises(LegacyFileError):
        export_directory(tmp_path, settings=Settings(), url=database_url)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]


def test_a_failure_leaves_what_was_there(tmp_path, empty_database_url):
    (tmp_path / "threads.json").write_text("mine")
    with pytest.raises(DatabaseError):
        export_directory(tmp_path, settings=Settings(), url=empty_database_url, force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(LegacyFileError):
        export_directory(tmp_path / "threads.json", settings=Settings(), url=empty_database_url)


def test_pages(load, export, monkeypatch):
    monkeypatch.setattr("guestsql.legacy.exporting.directory._PAGE_ROWS", 7)
    given = [[f"5730000{n:05}", {"threadId": f"t{n}"}] for n in range(50)]
    load(threads=given)
    assert json.loads(texts(export())[0]) == given


KEYS = st.sampled_from([f"57300000000{n}" for n in range(3)] + [f"+{PHONE}", f"{PHONE}@c.us", "1@lid"])
TEXTS = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from("\\u0d8\x00\ud83d#")), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("name"), inner, max_size=3),
    max_leaves=4,
)
TIMES = st.sampled_from(
    ["2025-01-01", "2025-01-02T10:00:00.5Z", 1735689600123, "Invalid Date", "2025-01-03T01:02:03-05:00"]
)
NAMES = st.sampled_from(
    ["threadId", "chatId", "userName", "name", "labels", "whapiLabels", "label", "messageCount", "phone", "lastPattern"]
)
RECORDS = st.builds(
    lambda fields, times: fields | times,
    st.dictionaries(NAMES | TEXTS, VALUES, max_size=5),
    st.dictionaries(st.sampled_from(["createdAt", "lastActivity", "lastInteraction", "firstInteraction"]), TIMES),
)
PAIRS = st.lists(st.tuples(KEYS, RECORDS), max_size=5)
CHANGES = st.sampled_from(
    [
        {"user_name": "Otra"},
        {"user_name": None},
        {"contact_name": "Contacto"},
        {"labels": ["VIP", "ñ"]},
        {"labels": []},
        {"chat_id": None},
        {"chat_id": "120363000000000001@g.us"},
    ]
)


@given(
    files=st.tuples(PAIRS, PAIRS), changes=st.lists(st.tuples(KEYS, CHANGES), max_size=3), has_new_thread=st.booleans()
)
@examples(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Each example is six imports and exports: shrinking one would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
def test_an_export_is_a_fixed_point(load, export, autocommit, database_url, files, changes, has_new_thread):  # noqa: PLR0917  fixtures and data
    threads, profiles = files
    autocommit.execute("TRUNCATE guest_profiles CASCADE")
    load(threads=[list(pair) for pair in threads], guest_profiles=[list(pair) for pair in profiles])
    unchanged = export()
    if all(len({canonical_user_id(key) for key, _ in each}) == len(each) for each in files):
        for name, given_pairs in (("threads", threads), ("guest_profiles", profiles)):
            wanted = {canonical_user_id(key): record for key, record in given_pairs}
            exported = (unchanged / f"{name}.json").read_text(encoding="utf-8")
            assert dict(json.loads(exported, parse_float=Decimal)) == json.loads(
                json.dumps(wanted), parse_float=Decimal
            )
    with GuestDatabase(database_url) as db:
        for key, change in changes:
            db.update_profile(key, **change)
        if has_new_thread:
            db.set_thread(PHONE, "thread_since")
    first = export()
    columns = (
        "SELECT phone_number, chat_id, thread_id, user_name, contact_name, labels, last_interaction, total_interactions"
        " FROM guest_profiles ORDER BY phone_number"
    )
    before = autocommit.execute(columns).fetchall()
    import_directory(first, settings=Settings(), url=database_url)
    assert autocommit.execute(columns).fetchall() == before
    assert texts(export()) == texts(first)
    again = import_directory(first, settings=Settings(), url=database_url)
    assert again.unchanged == again.guests
    assert verify_directory(first, settings=Settings(), url=database_url).passed
    autocommit.execute("TRUNCATE guest_profiles CASCADE")
    import_directory(first, settings=Settings(), url=database_url)
    assert texts(export()) == texts(first)
