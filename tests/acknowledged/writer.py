"""A writer process: several threads that work on one database and journal what they ask for and what they get.

SIGUSR1 ends it cleanly. SIGUSR2 makes it fork: the child works with what it has inherited, and ends.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from guestsql.errors import GuestSQLError
from guestsql.settings import Settings
from tests.acknowledged.counters import Counters
from tests.acknowledged.faces import FACES
from tests.acknowledged.journal import Journal
from tests.acknowledged.works import WORKS, Bench, Work

_CHILD_STEPS = 4
_CHILD_SECONDS = 90.0


class _Foreign(logging.Handler):
    """Notes what a background task of the package logged, if it is no error of the package."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        if error and not isinstance(error, GuestSQLError):
            self._journal.foreign("log", error)


class Writer:
    """The threads of this process.

    Args:
        order: how to work: see `Writers`.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._journal = Journal(Path(order["journal"]))
        self._stopped = threading.Event()
        self._forks = 0
        self._forked = 0
        self._install()
        self._face: Any = FACES[order["face"]](Settings(**order["settings"]), self._journal)
        counters = Counters(Path(order["counters"]))
        self._works: list[Work] = []
        for place, name in enumerate(order["works"]):
            slot, chance = order["number"] * len(order["works"]) + place, random.Random(f"{order['seed']} {place}")
            bench = Bench(self._face, self._journal, counters, chance, f"{order['number']}.{place}", slot)
            self._works.append(WORKS[name](bench))

    def run(self) -> None:
        """Work until SIGUSR1."""
        threads = [threading.Thread(target=self._repeat, args=(work,)) for work in self._works]
        for thread in threads:
            thread.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        children: dict[int, float] = {}
        while not self._stopped.wait(0.02):
            for _ in range(self._forks):
                self._forks -= 1
                children[self._fork()] = time.monotonic() + _CHILD_SECONDS
            self._reap(children)
        for thread in threads:
            thread.join()
        while children:
            self._reap(children)
        self._close()

    def _close(self) -> None:
        try:
            self._face.close()
        except GuestSQLError:
            return  # what was buffered is lost, and the error says so
        except Exception as error:  # noqa: BLE001  noted
            self._journal.foreign("close", error)
        for work in self._works:
            work.end()

    def _repeat(self, work: Work) -> None:
        while not self._stopped.wait(work.chance.choice([0, 0, 0.002, 0.01])):
            self._step(work)

    def _step(self, work: Work) -> None:
        try:
            work.step()
        except Exception as error:  # noqa: BLE001  noted
            self._journal.foreign(type(work).__name__, error)
            self._stopped.wait(0.05)

    def _fork(self) -> int:
        self._forked += 1
        child = os.fork()
        if child == 0:
            try:
                self._work_as_child()
            finally:
                os._exit(0)
        return child

    def _work_as_child(self) -> None:
        for work in self._works:
            if type(work).__name__ != "Interactions":  # what the parent has buffered is the parent's to write
                work.bench.label += f".{self._forked}"
                work.bench.number += 1000 * self._forked
                self._work_as(work)

    def _work_as(self, work: Work) -> None:
        for _ in range(_CHILD_STEPS):
            if type(work).__name__ == "Contexts":
                self._try(work._read)  # type: ignore[attr-defined]  # the name is the parent's to change
            else:
                self._step(work)

    def _try(self, step: Any) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  noted
            self._journal.foreign("child", error)

    def _reap(self, children: dict[int, float]) -> None:
        for child, until in list(children.items()):
            if os.waitpid(child, os.WNOHANG)[0]:
                del children[child]
            elif time.monotonic() > until:
                self._journal.foreign("fork", TimeoutError("a forked child hangs"))
                os.kill(child, signal.SIGKILL)

    def _install(self) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: self._stopped.set())
        signal.signal(signal.SIGUSR2, lambda *_: self._want_fork())
        logger = logging.getLogger("guestsql")
        logger.addHandler(_Foreign(self._journal))
        logger.propagate = False  # stderr is a pipe that is read at the end: once full, it would stop the writers
        threading.excepthook = lambda given: self._journal.foreign("thread", given.exc_value or RuntimeError())
        sys.unraisablehook = lambda given: self._journal.foreign("unraisable", given.exc_value or RuntimeError())

    def _want_fork(self) -> None:
        self._forks += 1


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)  # from Python 3.12 on
    Writer(json.loads(sys.argv[1])).run()
