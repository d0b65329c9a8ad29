"""A member that is repeated in a record loses no value, at any depth."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from guestsql import Settings
from guestsql.legacy import import_directory
from guestsql.legacy.verifying import verify_directory
from guestsql.legacy.verifying.elements import list_elements
from guestsql.legacy.verifying.window import FileText
from tests.legacy_files import read_file

PHONE = "573000000001"
OTHER = "573000000002"
REPEATED = [
    ('{"userName":"Ana","userName":"Eva"}', {"userName": "Eva", "userName#1": "Ana"}),
    ('{"userName":"Ana","threadId":"t","userName":"Ana"}', {"threadId": "t", "userName": "Ana", "userName#1": "Ana"}),
    ('{"userName":null,"userName":"Eva"}', {"userName": "Eva", "userName#1": None}),
    ('{"n":1,"n":2,"n":3,"n#2":4}', {"n": 3, "n#1": 1, "n#2": 4, "n#3": 2}),
    (
        '{"labels":[{"id":"1","name":"a","name":"b"}]}',
        {"labels": [{"id": "1", "name": "b", "name#1": "a"}]},
    ),
    ('{"labels":["a"],"labels":[]}', {"labels": [], "labels#1": ["a"]}),
    ('{"odd":{"deep":[{"x":1,"x":{"y":2,"y":3}}]}}', {"odd": {"deep": [{"x": {"y": 3, "y#1": 2}, "x#1": 1}]}}),
    ('{"userName":"A\\u00f1a","user\\u004eame":"Eva"}', {"userName": "Eva", "userName#1": "Aña"}),
]


@pytest.mark.parametrize(("written", "kept"), REPEATED, ids=[written for written, _ in REPEATED])
@pytest.mark.parametrize("form", ['[["{}",{}],["{}",{{"userName":"Luis"}}]]', '{{"{}":{},"{}":{{"userName":"Luis"}}}}'])
def test_each_value_is_kept_and_the_last_one_counts(tmp_path, database_url, autocommit, form, written, kept):  # noqa: PLR0917
    (tmp_path / "threads.json").write_text(form.format(PHONE, written, OTHER))
    report = import_directory(tmp_path, settings=Settings(), url=database_url)
    assert (report.records, report.rejected, report.guests) == (2, 0, 2)
    row = autocommit.execute(
        "SELECT user_name, labels, profile_data #> %s FROM guest_profiles WHERE phone_number = %s",
        [["legacy", "threads", PHONE], PHONE],
    ).fetchone()
    labels = [label["name"] for label in kept.get("labels", [])]
    assert row == (kept.get("userName"), labels, kept)
    verified = verify_directory(tmp_path, settings=Settings(), url=database_url)
    assert (verified.passed, verified.differences) == (True, [])
    autocommit.execute("UPDATE guest_profiles SET profile_data = replace(profile_data::text, '#1', '#7')::jsonb")
    assert not verify_directory(tmp_path, settings=Settings(), url=database_url).passed


OBJECTS = st.recursive(
    st.sampled_from(["1", "null", '"a"', "[]"]),
    lambda inner: st.lists(st.tuples(st.sampled_from(["a", "a#1", "a#2", "b", "userName"]), inner), max_size=4).map(
        lambda members: "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
    ),
    max_leaves=8,
)


@given(records=st.lists(OBJECTS.filter(lambda text: text.startswith("{")), max_size=4))
@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_import_and_the_verification_keep_the_same(tmp_path, records):
    text = "[" + ",".join(f'["{PHONE}",{record}]' for record in records) + "]"
    (tmp_path / "threads.json").write_text(text)
    read = [record.value for record in read_file(tmp_path / "threads.json")]
    again = [element.value for element in list_elements(FileText(io.BytesIO(text.encode())), {})]
    assert read == json.loads(json.dumps(again, default=lambda number: int(number.text)))
    pairs = [pair for record in records for pair in record.split('":')[:-1]]
    assert sum(map(_members, read)) == len(pairs)


def _members(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_members, value.values()))
    return sum(map(_members, value)) if isinstance(value, list) else 0
