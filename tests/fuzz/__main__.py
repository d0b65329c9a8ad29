"""The long form: `python -m tests.fuzz --cases 1000000`. What it finds becomes an `@example` of the test that found it.

Each target runs in pieces, each in a process of its own with a new seed, so a run may be stopped: the report keeps what
was done, and the next run with the same report goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.measuring import DOCS, machine, replace_section, table, write_chart, write_figures
from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
_PIECE = 10_000
_SHARES = sum(target.share for target in TARGETS)


class Piece(NamedTuple):
    """A part of a target's cases, as the report keeps it."""

    target: str
    seed: int
    cases: int
    seconds: float = 0.0
    failed: int = 0
    output: str = ""


def pieces(cases: int, done: Iterable[Piece], only: str) -> Iterator[Piece]:
    """What remains to be done, every target in turn."""
    ran = list(done)
    waiting: list[list[Piece]] = []
    for number, target in enumerate(TARGETS):
        left = -(-cases * target.share // _SHARES) - sum(each.cases for each in ran if each.target == target.name)
        seed = 1000 * number + sum(each.target == target.name for each in ran)
        sizes = [min(_PIECE, left - at) for at in range(0, left, _PIECE)]
        if only in target.name:
            waiting.append([Piece(target.name, seed + place, size) for place, size in enumerate(sizes)])
    for place in range(max(map(len, waiting), default=0)):
        yield from (each[place] for each in waiting if place < len(each))


def run(piece: Piece, shift: int) -> Piece:
    """Run a piece; a test that fails ends before its cases are done."""
    target = _target(piece)
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.fuzz.plugin", f"--cases={piece.cases}"]
        command += [f"--counted={counted}", f"--hypothesis-seed={shift + piece.seed}", *target.tests]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if not counted.exists():
            raise SystemExit(f"{target.name} did not run:\n{ended.stdout}{ended.stderr}")
        ran = json.loads(counted.read_text(encoding="utf-8"))
    failed = max(ran["failed"], int(ended.returncode != 0))
    return piece._replace(**{**ran, "failed": failed}, output=ended.stdout if failed else "")


def _target(piece: Piece) -> Target:
    return next(each for each in TARGETS if each.name == piece.target)


def write_report(done: list[Piece]) -> None:
    """Write docs/figures/fuzz.json and .svg, and the section of docs/benchmarks.md."""
    rows = []
    for target in TARGETS:
        own = [each for each in done if each.target == target.name]
        seconds = round(sum(each.seconds for each in own))
        rows.append(
            {
                "target": target.name,
                "cases": sum(each.cases for each in own),
                "seconds": seconds,
                "found": sum(each.failed for each in own),
            }
        )
    write_figures("fuzz", {"machine": machine(), "targets": rows})
    write_chart("fuzz", "bar x=target y=cases", rows, title="Cases by target")
    total = {key: sum(int(str(row[key])) for row in rows) for key in ("cases", "seconds", "found")}
    lines = [[row["target"], f"{row['cases']:,}", row["seconds"], row["found"]] for row in rows]
    lines.append(["all", f"{total['cases']:,}", total["seconds"], total["found"]])
    ran_on = "{date}, {cores} cores of {processor}, PostgreSQL {postgresql}, Python {python}.".format_map(machine())
    listed = table(["target", "cases", "seconds", "found"], lines)
    replace_section(DOCS / "benchmarks.md", "fuzz", f"![Cases by target](figures/fuzz.svg)\n\n{ran_on}\n\n{listed}")


def main() -> None:
    """Run what remains, print each piece, and write the report; exit 1 if anything was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--cases", type=int, default=1_000_000, help="of all targets together")
    options.add_argument("--report", type=Path, default=ROOT / "build" / "fuzz.jsonl", help="JSON lines; kept")
    options.add_argument("--seed", type=int, default=time.time_ns() % 2**31, help="of the first piece")
    options.add_argument("--target", default="", help="only the targets with this text in their names")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    given.report.parent.mkdir(parents=True, exist_ok=True)
    lines = given.report.read_text(encoding="utf-8").splitlines() if given.report.exists() else []
    done = [Piece(**json.loads(line)) for line in lines]
    with ThreadPoolExecutor(given.workers) as pool, given.report.open("a", encoding="utf-8") as report:
        for piece in pool.map(
            run, *zip(*((each, given.seed) for each in pieces(given.cases, done, given.target)), strict=True)
        ):
            done.append(piece)
            report.write(json.dumps(piece._asdict()) + "\n")
            report.flush()
            sys.stdout.write(
                f"{piece.target}: {piece.cases} cases, {piece.seconds:.0f} s, {piece.failed} found\n{piece.output}"
            )
            sys.stdout.flush()
    if not given.target:
        write_report(done)
    sys.exit(any(piece.failed for piece in done))


if __name__ == "__main__":
    main()
