"""A span for each statement, with the attributes that the conventions call stable, and never a parameter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from psycopg.conninfo import conninfo_to_dict

from guestsql import GuestDatabase
from guestsql.errors import ConstraintViolation
from guestsql.sql import operation_name, tokenize
from guestsql.telemetry import spans
from tests.checking import every_query
from tests.databases import GUEST, KINDS, Either, make_settings


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What an SDK has seen. A process can set its provider only once, so the question for it is answered here."""
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    monkeypatch.setattr(spans.trace, "get_tracer_provider", lambda: provider)
    yield found
    provider.shutdown()


def told(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """The spans in the order of their ends."""
    return list(exporter.get_finished_spans())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_span_of_each_statement(kind: str, database_url: str, exporter: InMemorySpanExporter) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        await db.add_thread_tokens(GUEST, "thread_1", 7)
    found = told(exporter)
    assert [span.name for span in found] == ["upsert_profile", "add_thread_tokens"]
    known: dict[str, Any] = conninfo_to_dict(database_url)
    first = found[0]
    assert first.kind is trace.SpanKind.CLIENT
    assert first.attributes is not None
    text = first.attributes["db.query.text"]
    assert dict(first.attributes) == {
        "db.system.name": "postgresql",
        "db.query.summary": "upsert_profile",
        "db.operation.name": "INSERT",
        "db.query.text": every_query()["upsert_profile"].text,
        "db.namespace": known["dbname"],
        "server.address": known["host"],
        "server.port": int(known["port"]),
    }
    assert "$1" in str(text)
    assert all(span.status.is_ok or span.status.status_code is trace.StatusCode.UNSET for span in found)
    for span in found:
        assert not {"Ana", GUEST, "thread_1"} & {str(value) for value in (span.attributes or {}).values()}
        assert GUEST not in span.to_json()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error(kind: str, database_url: str, exporter: InMemorySpanExporter) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(ConstraintViolation):
            await db.queries.set_thread(phone_number="0573000000001", thread_id="t")
    [span] = told(exporter)
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == span.attributes["db.response.status_code"] == "23514"
    assert "573000000001" not in span.to_json()


async def test_below_the_programs_own_span(database_url: str, exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer_provider().get_tracer("bot")
    async with Either("async", database_url) as db:
        with tracer.start_as_current_span("reply") as own:
            await db.get_profile(GUEST)
    spans_by_name = {span.name: span for span in told(exporter)}
    parent = spans_by_name["get_profile"].parent
    assert parent is not None
    assert parent.span_id == own.get_span_context().span_id


def test_no_span_without_an_sdk(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(spans.Tracing, "begin", never)
    with GuestDatabase(settings=make_settings(database_url)) as db:
        assert db.get_profile(GUEST) is None


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from guestsql.telemetry.tracing import make_tracing
import guestsql
assert make_tracing() is None
assert not any(name.startswith(("opentelemetry.", "prometheus_client")) for name in sys.modules)
"""


def test_without_the_api() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], check=True)


@pytest.mark.parametrize(
    ("source", "operation"),
    [
        ("SELECT 1", "SELECT"),
        ("-- a comment\n/* SELECT */ delete FROM guests", "DELETE"),
        ("WITH gone AS (DELETE FROM a RETURNING b), kept (c) AS (SELECT 1) INSERT INTO d SELECT b FROM gone", "INSERT"),
        ("WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 2 FROM n) SELECT * FROM n", "SELECT"),
        ("(SELECT 1)", ""),
        ("'INSERT'", ""),
    ],
)
def test_the_operation(source: str, operation: str) -> None:
    assert operation_name(tokenize(source)) == operation


def test_every_query_has_an_operation() -> None:
    catalogue = every_query()
    assert all(operation_name(catalogue[name].tokens) for name in catalogue)
