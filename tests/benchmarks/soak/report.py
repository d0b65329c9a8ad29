"""What the soak has measured, in docs/figures/soak.json, the chart, and the section of docs/benchmarks.md."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.measuring import DOCS, machine, replace_section, table, write_chart, write_figures
from tests.benchmarks.soak.samples import BOUNDS, growth

__all__ = ["Measured", "write_report"]

_WARM_UP_DAYS = 2
_NAMES = {
    "bot_bytes": "memory of the bot that runs from the beginning",
    "server_bytes": "memory of the server's processes",
    "connections": "connections",
    "p99_seconds": "p99 of an answer",
    "dead_tuples": "dead tuples",
}
_LABELS = {"bot": "memory of a bot", "server": "memory of the server", "p99": "p99 of an answer"}
_COLUMNS = {
    "bot": "bot_bytes",
    "server": "server_bytes",
    "connections": "connections",
    "p99": "p99_seconds",
    "dead tuples": "dead_tuples",
}


@dataclass(frozen=True)
class Measured:
    """A run.

    Attributes:
        day_seconds: how long a day lasted.
        days: the figures of each day: medians of the samples, and percentiles of the answers.
        outcomes: of the messages.
        faults: what was wrong at the end, in words; empty if nothing was.
        migration_seconds: how long the migrations under load took.
    """

    day_seconds: float
    days: Sequence[Mapping[str, float]]
    outcomes: Mapping[str, int]
    faults: Sequence[str]
    migration_seconds: float

    @property
    def rises(self) -> dict[str, float]:
        """By how much each figure rose, as a share of its median, without the days in which the bots warm up."""
        return {name: growth(name, [day[name] for day in self.days[_WARM_UP_DAYS:]]) for name in BOUNDS}

    @property
    def is_flat(self) -> bool:
        """Whether no figure rose more than it may."""
        rises = self.rises
        return all(rises[name] <= bound for name, bound in BOUNDS.items())


def write_report(measured: Measured) -> None:
    """Write everything.

    Args:
        measured: the run.
    """
    about = machine()
    write_figures(
        "soak",
        {
            "machine": about,
            "day_seconds": round(measured.day_seconds, 1),
            "messages": dict(measured.outcomes),
            "faults": list(measured.faults),
            "migration_seconds": round(measured.migration_seconds, 2),
            "rises": {name: round(rise, 3) for name, rise in measured.rises.items()},
            "bounds": dict(BOUNDS),
            "days": [{name: float(f"{value:.4g}") for name, value in day.items()} for day in measured.days],
        },
    )
    _draw(measured)
    lines = [_introduction(measured, about), "![The figures of each day](figures/soak.svg)", _flat_table(measured)]
    replace_section(DOCS / "benchmarks.md", "soak", "\n\n".join(line.strip() for line in lines))


def _draw(measured: Measured) -> None:
    medians = {name: statistics.median(day[name] for day in measured.days) or 1.0 for name in BOUNDS}
    rows = [
        {"day": number, **{shown: day[name] / medians[name] for shown, name in _COLUMNS.items()}}
        for number, day in enumerate(measured.days, 1)
    ]
    drawn = ",".join(f'"{name}"' for name in _COLUMNS)
    title = "The figures of each day, divided by their median"
    write_chart("soak", f"line x=day y={drawn}", rows, title=title, labels=_LABELS)


def _introduction(measured: Measured, about: Mapping[str, Any]) -> str:
    messages = sum(measured.outcomes.values())
    answered = "all of them once" if not measured.faults else "; ".join(measured.faults)
    return (
        f"{len(measured.days)} days of {measured.day_seconds:.0f} s, {messages:,} messages, answered: {answered}. The"
        f" migrations took {measured.migration_seconds:.1f} s under load. {about['cores']} cores of an"
        f" {about['processor']}, PostgreSQL {about['postgresql']}, Python {about['python']}, {about['date']}."
    )


def _flat_table(measured: Measured) -> str:
    rises, rows = measured.rises, []
    for name, bound in BOUNDS.items():
        values = [day[name] for day in measured.days[_WARM_UP_DAYS:]]
        rows.append(
            [
                _NAMES[name],
                _shown(name, statistics.median(values)),
                _shown(name, max(values)),
                f"{rises[name]:+.0%}",
                f"{bound:+.0%}",
                "flat" if rises[name] <= bound else "RISES",
            ]
        )
    return table(["by day", "median", "most", "rise", "at most", ""], rows)


def _shown(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return f"{value / 1e6:.0f} MB"
    return f"{value * 1e3:.0f} ms" if name.endswith("_seconds") else f"{value:,.0f}"
