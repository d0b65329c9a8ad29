"""Two ways of doing the same thing, in turn, and how much longer the first takes: a ratio survives a noisy machine."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import psycopg
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

Work = Callable[[int], object]


@dataclass(frozen=True)
class Comparison:
    """The ratios of one comparison, round by round."""

    name: str
    ratios: list[float]
    aim: float | None

    def line(self) -> str:
        low, median, high = statistics.quantiles(self.ratios, n=4)
        aim = "" if self.aim is None else f"{self.aim:5.2f}  {'reached' if median <= self.aim else 'MISSED'}"
        return f"{self.name:<44} {median:6.3f}   {low:5.2f} … {high:5.2f}   {aim}"


_comparisons: list[Comparison] = []


@pytest.fixture
def compare(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Callable[..., None]:
    """compare(ours, raw, calls=…, aim=…): both do their work `calls` times a round, raw first, for `rounds` rounds."""

    def run(ours: Work, raw: Work, *, calls: int = 200, rounds: int = 60, aim: float | None = None) -> None:
        raw_seconds: list[float] = []

        def raw_round() -> None:
            started = perf_counter()
            raw(calls)
            raw_seconds.append(perf_counter() - started)

        for _ in range(3):
            raw(calls)
        benchmark.pedantic(ours, args=(calls,), setup=raw_round, rounds=rounds, iterations=1, warmup_rounds=3)
        ratios = [mine / other for mine, other in zip(benchmark.stats.stats.data, raw_seconds[-rounds:], strict=True)]
        benchmark.extra_info["ratio"] = statistics.median(ratios)
        _comparisons.append(Comparison(request.node.name.removeprefix("bench_"), ratios, aim))

    return run


@pytest.fixture
def raw(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """psycopg as it comes: one connection in autocommit, `$1` parameters."""
    with psycopg.connect(database_url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        yield connection


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _comparisons:
        return
    terminalreporter.section("guestsql against raw psycopg, in turn: time ratio, median of rounds")
    terminalreporter.line(f"{'':<44} median   quartiles         aim")
    for comparison in _comparisons:
        terminalreporter.line(comparison.line())
    terminalreporter.line(
        f"Python {platform.python_version()}, {platform.machine()}, psycopg {psycopg.__version__} {psycopg.pq.__impl__}"
    )
