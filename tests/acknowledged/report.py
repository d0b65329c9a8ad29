"""What the rounds of a report found together, and the page that shows it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.acknowledged.plan import GROUPS
from tests.benchmarks.measuring import DOCS, machine, replace_section, table, write_chart, write_figures

_WRONG = ("lost", "doubled", "torn", "stale", "foreign")
_COLUMNS = ("rounds", "faults", "acknowledged", "reads", *_WRONG)
_DRAWN = ("acknowledged", "lost", "doubled")
_TITLE = "Effects by group of faults (rounds, faults)"


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


def write_figures_of(path: Path) -> None:
    """Write docs/figures/faults.json and .svg, and the section of docs/benchmarks.md, from a report."""
    found = summary(read_report(path))
    known = {**machine(), "date": datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()}
    write_figures("faults", {"machine": known, **found})
    write_chart("faults", "bar x=group y=acknowledged,lost,doubled", _groups(found["kinds"]), title=_TITLE)
    rows = [[kind, *(f"{counts[name]:,}" for name in _COLUMNS)] for kind, counts in found["kinds"].items()]
    rows.append(["all", *(f"{found['totals'][name]:,}" for name in _COLUMNS)])
    page = [f"![{_TITLE}](figures/faults.svg)", _introduction(found["totals"], known), table(["kind", *_COLUMNS], rows)]
    replace_section(DOCS / "benchmarks.md", "faults", "\n\n".join(page))


def _groups(kinds: Mapping[str, Mapping[str, int]]) -> list[dict[str, object]]:
    """What is drawn: more bars than a chart has are added up in groups."""
    rows: list[dict[str, object]] = []
    for group, members in GROUPS.items():
        of_group = [kinds[kind] for kind in members if kind in kinds]
        counts = {name: sum(each[name] for each in of_group) for name in ("rounds", "faults", *_DRAWN)}
        if counts["rounds"]:
            label = f"{group} ({counts['rounds']:,}, {counts['faults']:,})"
            rows.append({"group": label, **{name: counts[name] for name in _DRAWN}})
    return rows


def _introduction(totals: Mapping[str, int], known: Mapping[str, object]) -> str:
    about = "{cores} cores of {processor}, PostgreSQL {postgresql}, Python {python}, psycopg {psycopg}, {date}."
    names = {"rounds": "rounds", "faults": "faults", "broken": "rounds not judged", "skipped": "rounds skipped"}
    counts = ", ".join(f"{what}: {totals[name]:,}" for name, what in names.items() if totals[name])
    return f"{counts[0].upper()}{counts[1:]}. {about.format_map(known)}"
