"""What Prometheus' own parser reads is what was counted."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from guestsql import GuestDatabase
from guestsql.errors import ConstraintViolation
from guestsql.telemetry.figures import BOUNDS
from guestsql.telemetry.prometheus import collector
from tests.databases import GUEST, KINDS, Either, make_settings

Connection = psycopg.Connection[Any]
Samples = dict[tuple[str, tuple[str, ...]], float]


def scraped(database: Any) -> Samples:
    """Values by the sample's name and its labels' values, the query first."""
    registry = CollectorRegistry()
    registry.register(collector(database))
    text = generate_latest(registry).decode()
    assert "5730000" not in text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items(), reverse=True))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_counters_and_histograms(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        for _ in range(3):
            await db.get_context(GUEST)
        with pytest.raises(ConstraintViolation):
            await db.queries.set_thread(phone_number="0573000000001", thread_id="t")
        found = scraped(db.raw)
        again = scraped(db.raw)
    assert found["guestsql_query_duration_seconds_count", ("lookup_context",)] == 3
    assert found["guestsql_query_duration_seconds_bucket", ("lookup_context", "+Inf")] == 3
    assert 0 < found["guestsql_query_duration_seconds_sum", ("lookup_context",)] < 30
    assert found["guestsql_query_rows_total", ("lookup_context",)] == 2
    assert found["guestsql_query_errors_total", ("set_thread", "constraint")] == 1
    answers = [found["guestsql_context_answers_total", (name,)] for name in ("hit", "miss", "stale", "error")]
    assert answers == [2, 1, 0, 0]
    assert found["guestsql_metrics_flush_failures_total", ()] == 0
    assert again == found


def test_the_buckets_are_cumulative(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for seconds in (0.0, BOUNDS[1], BOUNDS[2], 1000.0):
            db._engine.counting._calls.append(("timed", 0.0, seconds, 0))
        found = scraped(db)
    buckets = {
        float(labels[1]): value
        for (name, labels), value in found.items()
        if name == "guestsql_query_duration_seconds_bucket"
    }
    assert buckets[BOUNDS[0]] == 1
    assert buckets[BOUNDS[2]] == 3
    assert buckets[BOUNDS[46]] == 3
    assert buckets[float("inf")] == 4
    assert len(buckets) == 25


def test_what_was_written_still_counts(database_url: str) -> None:
    """A counter of Prometheus never falls."""
    with GuestDatabase(settings=make_settings(database_url, metrics_seconds=3600.0)) as db:
        db.get_profile(GUEST)
        assert db._metrics.flush() == 1
        db.get_profile(GUEST)
        assert scraped(db)["guestsql_query_duration_seconds_count", ("get_profile",)] == 2
        batch = db._engine.counting.take()
        assert scraped(db)["guestsql_query_duration_seconds_count", ("get_profile",)] == 2
        db._engine.counting.done(batch)
        assert scraped(db)["guestsql_query_duration_seconds_count", ("get_profile",)] == 2
