"""Runs fault rounds and reports them: `python -m tests.acknowledged --rounds 100 --report FILE`.

The report is a file with a JSON object a line, one for each round. Rounds that it has are not run again, so a run can
be interrupted and continued; `--round N` runs one round again and prints what it found. `--rounds 0 --figures` only
writes the figures of a report.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.acknowledged.places import Places
from tests.acknowledged.plan import KINDS, Round, plan_round
from tests.acknowledged.report import read_report, summary, write_figures_of
from tests.acknowledged.rounds import Result, run_round
from tests.server import run_command


def main() -> int:
    given = _arguments()
    path = Path(given.report)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {(line["seed"], line["kind"]) for line in read_report(path)}
    with Places() as places:
        for planned in _chosen(given):
            if given.round is None and (planned.seed, planned.kind) in done:
                continue
            result = run_round(planned, places)
            _print(result)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result.as_line()) + "\n")
    totals = summary(read_report(path))["totals"]
    print(json.dumps(totals))
    if given.figures:
        if not totals["rounds"]:
            sys.exit(f"{path} has no round: no figures are written")
        write_figures_of(path)
    return 1 if totals["wrong"] else 0


def _chosen(given: argparse.Namespace) -> Iterator[Round]:
    """The rounds of a run; with `--kind` the first ones that are of these kinds."""
    if given.round is not None:
        yield plan_round(given.round, given.seed)
        return
    rounds = (plan_round(number, given.seed) for number in itertools.count())
    wanted = itertools.islice((each for each in rounds if not given.kind or each.kind in given.kind), given.rounds)
    part, _, parts = given.part.partition("/")
    yield from itertools.islice(wanted, int(part) - 1, None, int(parts))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.acknowledged", description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(KINDS), help="how many rounds the report has at the end")
    parser.add_argument("--round", type=int, help="only this round, again")
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--report", default=".faults/report.jsonl")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only rounds of this kind; repeatable")
    parser.add_argument("--part", default="1/1", help="2/3: only every third round, from the second one on")
    parser.add_argument("--figures", action="store_true", help="write docs/figures/faults.* and docs/benchmarks.md")
    return parser.parse_args()


def _print(result: Result) -> None:
    verdict = result.verdict
    state = "skipped" if result.skipped else "ok" if result.is_clean else "WRONG"
    print(
        f"{result.number:5} {state:7} {result.kind:24} {result.seconds:6.1f} s {verdict.acknowledged:6} acknowledged"
        f" {verdict.reads:5} read  {', '.join(result.faults)}",
        flush=True,
    )
    for name in ("lost", "doubled", "torn", "stale", "foreign"):
        for each in getattr(verdict, name)[:5]:
            print(f"      {name}: {each}", flush=True)
    for text in (result.skipped, result.broken):
        if text:
            print(f"      {text}", flush=True)


if __name__ == "__main__":
    run_command(main)
