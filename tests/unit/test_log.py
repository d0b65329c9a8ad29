"""Log events: a code, structured attributes, phones masked."""

from __future__ import annotations

import logging

import pytest

from guestsql.telemetry.log import event, logger


def test_an_event_has_a_code_and_attributes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "guestsql"):
        event(logging.INFO, "CONTEXT_CACHE_HIT", "from the cache", guest="573000000001", age_seconds=1.5, sqlstate=None)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("guestsql", logging.INFO)
    known = vars(record)
    assert (known["event"], known["guest"], known["age_seconds"]) == ("CONTEXT_CACHE_HIT", "***0001", 1.5)
    assert "sqlstate" not in known
    assert record.getMessage() == "CONTEXT_CACHE_HIT from the cache guest=***0001 age_seconds=1.5"
    assert record.funcName == "test_an_event_has_a_code_and_attributes"


def test_an_event_below_the_level_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    with caplog.at_level(logging.WARNING, "guestsql"):
        event(logging.INFO, "DATABASE_QUERY", "query done", rows=Costly())
    assert caplog.records == []


def test_percent_signs_are_no_format(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "guestsql"):
        event(logging.INFO, "DATABASE_ERROR", "100 %s of %(it)s", reason="%d")
    assert caplog.records[0].getMessage() == "DATABASE_ERROR 100 %s of %(it)s reason=%d"


def test_the_library_sets_up_no_logging() -> None:
    assert logger.handlers == []
    assert logger.level == logging.NOTSET
    assert logger.propagate
