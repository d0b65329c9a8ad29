"""The context cache between processes: one build, however many ask, and a builder that is killed."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from tests.context_helpers import PATIENCE_SECONDS, Callers, seed, stored

Connection = psycopg.Connection[tuple[Any, ...]]
Start = Callable[..., Callers]

PROCESSES = 4
CALLERS_EACH = 3


class Said:
    """What the other processes say, in the order in which it comes."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[Callers, dict[str, Any]]] = queue.Queue()
        self.events: list[tuple[Callers, dict[str, Any]]] = []

    def of(self, event: str) -> list[tuple[Callers, dict[str, Any]]]:
        return [said for said in self.events if said[1]["event"] == event]

    def texts(self) -> list[str]:
        return [event["text"] for _, event in self.of("text")]

    def wait(self, event: str, count: int = 1) -> list[tuple[Callers, dict[str, Any]]]:
        """Wait until this was said so many times in all."""
        while len(self.of(event)) < count:
            self.events.append(self.queue.get(timeout=PATIENCE_SECONDS))
        return self.of(event)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def start(said: Said, database_url: str) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda kind="sync", **settings: stack.enter_context(Callers(said.queue, kind, database_url, **settings))


def _ask_everywhere(start: Start, said: Said) -> list[Callers]:
    """Half of the processes use the one class, half the other."""
    processes = [start(kind) for kind in ("sync", "async") * (PROCESSES // 2)]
    said.wait("ready", PROCESSES)
    for process in processes * CALLERS_EACH:
        process.tell("call")
    return processes


@pytest.mark.parametrize("known", [True, False])
def test_twelve_callers_in_four_processes_build_a_cold_context_once(
    start: Start, said: Said, autocommit: Connection, known: bool
) -> None:
    if known:
        seed(autocommit, None)

    processes = _ask_everywhere(start, said)
    said.wait("CONTEXT_CACHE_MISS", 12)  # every one of them has found nothing
    [(owner, _)] = said.wait("building")
    assert said.texts() == []
    for process in processes:
        process.tell("go")
    said.wait("text", 12)

    name = "Ana" if known else None
    assert set(said.texts()) == {f"text of {name} by {owner.process.pid}"}
    assert len(said.of("building")) == 1
    assert autocommit.execute("SELECT count(*) FROM guest_profiles").fetchone() == (1,)


def test_twelve_callers_on_a_stale_context_build_once_and_the_rest_do_not_wait(
    start: Start, said: Said, autocommit: Connection
) -> None:
    seed(autocommit, "old text")

    _ask_everywhere(start, said)
    [(owner, _)] = said.wait("building")
    said.wait("text", 11)  # they come while the builder is not let go

    assert said.texts() == ["old text"] * 11
    owner.tell("go")
    said.wait("text", 12)
    assert said.texts()[11] == f"text of Ana by {owner.process.pid}"
    assert len(said.of("building")) == 1


def test_a_builder_killed_with_9_is_replaced_when_its_lease_has_run_out(
    start: Start, said: Said, autocommit: Connection
) -> None:
    seed(autocommit, None)
    owner, other = start(lease_seconds=0.5), start(lease_seconds=30.0)
    said.wait("ready", 2)
    owner.tell("call")
    said.wait("building")
    until = autocommit.execute("SELECT context_lease_until FROM guest_profiles").fetchone()
    owner.kill()

    other.tell("call")

    assert [process for process, _ in said.wait("building", 2)] == [owner, other]
    taken_over = "SELECT statement_timestamp() >= %s, context_lease IS NOT NULL FROM guest_profiles"
    assert autocommit.execute(taken_over, until).fetchone() == (True, True)
    other.tell("go")
    said.wait("text")
    assert said.texts() == [f"text of Ana by {other.process.pid}"]
    assert stored(autocommit) == (said.texts()[0], 0, None, True)


def test_while_the_lease_of_a_killed_builder_lasts_the_stale_text_is_served(
    start: Start, said: Said, autocommit: Connection
) -> None:
    seed(autocommit, "old text")
    owner, other = start(lease_seconds=3600.0), start()
    said.wait("ready", 2)
    owner.tell("call")
    said.wait("building")
    owner.kill()

    other.tell("call")

    said.wait("text")
    assert said.texts() == ["old text"]
    assert len(said.of("building")) == 1
