"""What the rounds of a report found together, and the page that shows it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import DOCS, machine, replace_section, table, write_figures

_WRONG = ("lost", "doubled", "torn", "stale", "foreign")


def read_report(path: Path) -> list[dict[str, Any]]:
    """The lines of a report; an incomplete last line is of a run that was interrupted."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Totals, in all and by kind; of a round that was run again the last line counts."""
    kinds: dict[str, dict[str, int]] = defaultdict(_zeros)
    totals = _zeros()
    for line in {(line["seed"], line["kind"]): line for line in lines}.values():
        for counts in (kinds[line["kind"]], totals):
            _add(counts, line)
    return {"totals": totals, "kinds": dict(sorted(kinds.items()))}


def _zeros() -> dict[str, int]:
    return dict.fromkeys(("rounds", "faults", "acknowledged", "reads", *_WRONG, "broken", "skipped", "wrong"), 0)


def _add(counts: dict[str, int], line: dict[str, Any]) -> None:
    if line["skipped"]:
        counts["skipped"] += 1
        return
    verdict = line["verdict"]
    counts["rounds"] += 1
    counts["faults"] += len(line["faults"])
    counts["acknowledged"] += verdict["acknowledged"]
    counts["reads"] += verdict["reads"]
    for name in _WRONG:
        counts[name] += len(verdict[name])
    counts["broken"] += bool(line["broken"])
    counts["wrong"] += bool(line["broken"]) or any(verdict[name] for name in _WRONG)


def write_figures_of(lines: Sequence[dict[str, Any]]) -> None:
    """Write docs/figures/faults.json and the section of docs/benchmarks.md."""
    found = summary(lines)
    known = machine()
    write_figures("faults", {"machine": known, **found})
    names = ("rounds", "faults", "acknowledged", "reads", "lost", "doubled", "torn", "stale", "foreign")
    rows = [[kind, *(f"{counts[name]:,}" for name in names)] for kind, counts in found["kinds"].items()]
    rows.append(["all", *(f"{found['totals'][name]:,}" for name in names)])
    page = table(["kind", *names], rows) + f"\nMachine: {_described(known)}.\n"
    replace_section(DOCS / "benchmarks.md", "faults", page)


def _described(known: dict[str, object]) -> str:
    words = "{cores} cores of {processor}, PostgreSQL {postgresql}, Python {python}, psycopg {psycopg}, {date}"
    return words.format_map(known)
