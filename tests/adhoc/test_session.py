"""Sessions and streams: cut results, cursors, a server that goes away between rows, cancellation."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import islice

import pytest

from guestsql.adhoc.parameters import ParameterError, parse_values
from guestsql.adhoc.session import QuerySession
from guestsql.errors import DatabaseError, DatabaseUnavailable, QueryTimeout
from tests.adhoc.conftest import target_of
from tests.databases import Proxy

PATIENCE = 30.0
_IS_ASLEEP = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"


@pytest.fixture
def session(target):
    with QuerySession(target, hints={"25006": "only reading is done here"}) as opened:
        yield opened


def pid(session, queries):
    return session.run(queries["get_session"], {}, PATIENCE).rows[0][3]


def collect(stream, seen):
    """Keep what there is before an error."""
    for row in stream:
        seen.append(row[0])


def terminate(admin, number):
    assert admin.execute("SELECT pg_terminate_backend(%s, 10000)", [number]).fetchone() == (True,)


@pytest.mark.parametrize(("at_most", "rows", "is_cut"), [(2, 2, True), (3, 3, False), (4, 3, False)])
def test_a_result_is_cut_where_it_was_asked_to_be(session, queries, at_most, rows, is_cut):
    result = session.run(queries["count_up"], {"last": "3"}, PATIENCE, at_most=at_most)
    assert (result.columns, len(result.rows), result.count, result.is_cut) == (("n",), rows, rows, is_cut)


@pytest.mark.parametrize("last", [0, 1, 9, 10, 11, 25])
def test_a_stream_has_every_row_once(session, queries, last):
    stream = session.stream(queries["count_up"], {"last": str(last)}, PATIENCE, rows_at_once=5)
    assert stream.columns == ("n",)
    assert [n for (n,) in stream] == list(range(1, last + 1))
    assert session.run(queries["get_name"], {}, PATIENCE).rows == [("Ana",)]  # its transaction has ended


def test_a_closed_stream_frees_the_session(session, queries):
    with closing(session.stream(queries["count_up"], {"last": "100000"}, PATIENCE, rows_at_once=2)) as stream:
        assert list(islice(stream, 3)) == [(1,), (2,), (3,)]
    assert list(stream) == []
    assert session.run(queries["get_session"], {}, PATIENCE).rows[0][1:3] == ("on", "30s")


def test_a_stream_that_is_left_open_does_not_reach_the_next_query(session, queries):
    stream = session.stream(queries["count_up"], {"last": "10"}, PATIENCE, rows_at_once=2)
    assert session.run(queries["get_name"], {}, PATIENCE).rows == [("Ana",)]
    with pytest.raises(DatabaseError):
        list(stream)


@pytest.mark.parametrize("at_most", [None, 1])
def test_what_a_query_sets_does_not_reach_the_next_one(session, queries, at_most):
    before = session.run(queries["get_settings"], {}, PATIENCE).rows
    session.run(queries["change_session"], {}, PATIENCE, at_most=at_most)
    assert session.run(queries["get_settings"], {}, PATIENCE).rows == before


def test_a_server_that_is_lost_behind_a_pooler_has_two_errors(plain_url, queries):
    with Proxy(plain_url) as proxy, QuerySession(target_of(proxy.url)) as session:
        proxy.lie("57P01", "08P01", at=b"BEGIN READ ONLY")
        with pytest.raises(DatabaseUnavailable):
            pid(session, queries)
        assert pid(session, queries)


def test_a_server_that_is_lost_between_rows(session, queries, admin):
    first = pid(session, queries)
    stream = session.stream(queries["count_up"], {"last": "10"}, PATIENCE, rows_at_once=2)
    terminate(admin, first)
    seen = []
    with pytest.raises(DatabaseUnavailable):
        collect(stream, seen)
    with pytest.raises(RuntimeError):
        next(stream)
    stream.close()
    assert seen == [1, 2]
    assert pid(session, queries) != first


def test_a_server_that_is_lost_while_the_session_is_idle(session, queries, admin):
    first = pid(session, queries)
    terminate(admin, first)
    assert pid(session, queries) != first


def test_a_row_that_cannot_be_made_is_an_error_after_those_before_it(session, queries):
    stream = session.stream(queries["divide"], {"last": "5"}, PATIENCE, rows_at_once=2)
    seen = []
    with pytest.raises(DatabaseError, match="division by zero"):
        collect(stream, seen)
    assert seen == [1, 2, 3, 4]
    assert session.run(queries["get_name"], {}, PATIENCE).rows == [("Ana",)]


def test_a_cancelled_stream_ends_its_fetch(session, queries, admin):
    first = pid(session, queries)
    stream = session.stream(queries["stall"], {}, PATIENCE, rows_at_once=2)
    failures = []

    def read():
        try:
            list(stream)
        except DatabaseError as error:
            failures.append(error.sqlstate)
        stream.close()

    reader = threading.Thread(target=read)
    reader.start()
    while not admin.execute(_IS_ASLEEP, [first]).fetchone():
        assert reader.is_alive()
    stream.cancel()
    reader.join(PATIENCE)
    assert failures == ["57014"]
    assert session.run(queries["get_name"], {}, PATIENCE).rows == [("Ana",)]


def test_a_stream_cancelled_between_fetches_gives_its_connection_up(session, queries):
    first = pid(session, queries)
    stream = session.stream(queries["count_up"], {"last": "10"}, PATIENCE, rows_at_once=2)
    stream.cancel()
    stream.close()
    assert pid(session, queries) != first


def test_a_fetch_has_its_own_time(session, queries):
    with pytest.raises(QueryTimeout) as caught:
        session.stream(queries["sleep_long"], {}, 0.05)
    assert caught.value.sqlstate == "57014"
    assert session.run(queries["get_name"], {}, PATIENCE).rows == [("Ana",)]


def test_what_no_cursor_reads_is_read_whole(session, queries):
    stream = session.stream(queries["show_version"], {}, PATIENCE)
    assert (stream.columns, len(list(stream))) == (("server_version",), 1)


def test_what_writes_is_refused(session, queries):
    with pytest.raises(DatabaseError) as caught:
        session.stream(queries["write_note"], {}, PATIENCE)
    assert (caught.value.sqlstate, caught.value.hint) == ("25006", "only reading is done here")


@pytest.mark.parametrize("at_most", [None, 10])
def test_an_error_has_its_place_in_the_file(session, queries, at_most):
    query = queries["get_broken"]
    with pytest.raises(DatabaseError, match=rf"own\.sql:{query.line + 4}:7"):
        session.run(query, {}, PATIENCE, at_most=at_most)


@pytest.mark.parametrize("at_most", [None, 10])
def test_a_refused_value_names_its_parameter_and_no_phone(session, queries, at_most):
    query = queries["count_up"]
    with pytest.raises(ParameterError) as caught:
        session.run(query, parse_values(query, {"last": "+57 300 000 0001"}), PATIENCE, at_most=at_most)
    assert caught.value.parameter == "last"
    assert "300" not in str(caught.value)
    assert session.run(queries["get_name"], {}, PATIENCE).rows == [("Ana",)]
