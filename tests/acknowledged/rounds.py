"""Runs a round: writers, faults while they work, and what was acknowledged compared with what is stored."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg

from tests.acknowledged.checker import Verdict, check
from tests.acknowledged.faults import FAULTS, Scene
from tests.acknowledged.network import HarmingProxy
from tests.acknowledged.places import Place, Places, Unavailable
from tests.acknowledged.plan import KINDS, Kind, Round
from tests.acknowledged.programs import PROGRAMS
from tests.acknowledged.writers import Order, Writers
from tests.bouncer import bouncer, find_bouncer

_LAST = 20


@dataclass
class Result:
    """A line of the report.

    Attributes:
        number, kind, seed, faults: of the round.
        seconds: how long it took.
        verdict: what was found.
        skipped: why it was not done, or "".
        broken: why it could not be judged, or "".
    """

    number: int
    kind: str
    seed: str
    faults: list[str]
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    skipped: str = ""
    broken: str = ""

    @property
    def is_clean(self) -> bool:
        """True if nothing is wrong."""
        return self.verdict.is_clean and not self.broken

    def as_line(self) -> dict[str, object]:
        """What the report keeps."""
        return {**asdict(self), "verdict": asdict(self.verdict)}


def run_round(planned: Round, places: Places) -> Result:
    """Run a round; a failure of the round itself is part of the result."""
    result = Result(planned.number, planned.kind, planned.seed, [step.fault for step in planned.steps])
    kind, began = KINDS[planned.kind], time.monotonic()
    try:
        place = places.get(kind.place)
        with tempfile.TemporaryDirectory() as folder:
            run = PROGRAMS.get(planned.kind)
            result.verdict = run(planned, place, Path(folder)) if run else _run(planned, kind, place, Path(folder))
    except Unavailable as reason:
        result.skipped = str(reason)
    except Exception as error:  # noqa: BLE001  it is in the report
        result.broken = f"{type(error).__name__}: {error}"
        places.forget(kind.place)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def _run(planned: Round, kind: Kind, place: Place, folder: Path) -> Verdict:
    order = Order(list(kind.faces), settings=dict(kind.settings))
    if kind.works:
        order.works = list(kind.works)
    if place.clock is not None:
        place.clock.move(0)
        order.environment = place.clock.environment
    with place.database() as url, _route(kind, place, url) as (address, proxy):
        with Writers(address, folder, order, planned.seed) as writers:
            writers.start()
            chance = random.Random(f"{planned.seed} faults")
            scene = Scene(place.server, url, writers, chance, kind.seconds, [], proxy, place.disk, place.clock)
            for step in planned.steps:
                writers.wait_for_more(step.after)
                FAULTS[step.fault](scene)
            writers.wait_for_more(_LAST)
            writers.stop()
            notes = writers.notes()
        with psycopg.connect(url, autocommit=True) as connection:
            verdict = check(notes, connection)
    verdict.lost += scene.found
    return verdict


@contextmanager
def _route(kind: Kind, place: Place, url: str) -> Iterator[tuple[str, HarmingProxy | None]]:
    """The address that the writers use."""
    if kind.route == "proxy":
        with HarmingProxy(url) as proxy:
            yield proxy.url, proxy
    elif kind.route == "pooler":
        if find_bouncer() is None:
            raise Unavailable("pgbouncer is not installed (apt-get install pgbouncer)")
        with bouncer(place.server, size=12) as pooler:
            yield pooler.url(url), None
    else:
        yield url, None
