"""Journals: what writers asked for and what they got, line by line, outside the database.

A line is `EVENT WORK KEY AMOUNT`:

- `sent`: a call that has this effect begins.
- `done`: it was acknowledged, so the effect must be stored.
- `failed`: the error says that this call did not store it.
- `known`: a later call was answered that the effect is stored already.
- Neither of them: it may be stored or not, because the error says so, or because the writer was killed.

Others: `together KEY KEY …` names effects (`WORK:KEY`) that are stored all or not at all; `taken` something that was
handed out; `read`, `stale` and `foreign` what a reader got.
"""

from __future__ import annotations

import os
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guestsql.errors import DatabaseError, OutcomeUnknown

Effect = tuple[str, str, int]


class Call:
    """A call that is journaled.

    Attributes:
        end: what is noted when it returns: "done", or what the caller sets.
        is_done: True once it has returned.
    """

    def __init__(self) -> None:
        self.end = "done"
        self.is_done = False


class Journal:
    """The writer's side: each line is one write to the end of the file, so a kill loses nothing that was noted.

    Args:
        path: the file; processes and forked children may share it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        os.close(self._file)

    def note(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())

    def foreign(self, where: str, error: BaseException) -> None:
        """Note an exception that the package must not raise."""
        places = [f"{Path(each.filename).name}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)]
        self.note("foreign", where, repr(f"{type(error).__name__}: {error} at {' '.join(places[-6:])}"))

    @contextmanager
    def call(self, *effects: Effect, is_certain: bool = True, is_together: bool = False) -> Iterator[Call]:
        """Journal a call with effects; a failure of the database ends here.

        Args:
            effects: work, key and amount of each.
            is_certain: True if the call raises OutcomeUnknown when it may have been done; False for one that may be
                repeated without harm, whose errors do not say.
            is_together: True if the effects are stored all or not at all.
        """
        for effect in effects:
            self.note("sent", *effect)
        if is_together:
            self.note("together", *(f"{work}:{key}" for work, key, _ in effects))
        call = Call()
        try:
            yield call
        except OutcomeUnknown:
            return
        except DatabaseError:
            if not is_certain:
                return
            call.end = "failed"
        else:
            call.is_done = True
        for effect in effects:
            self.note(call.end, *effect)


class Notes:
    """What the journals of all writers say.

    Attributes:
        sums: amounts by event, work and key.
        times: how often an event was noted, by event, work and key.
        last: the last amount that was acknowledged, by work and key, and the amounts sent behind it.
        together: the effects that are stored all or not at all.
        taken: what was handed out, by kind, as the words behind it.
        foreign, stale: what must not happen.
        reads: contexts that were read and compared.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.times: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.largest: Counter[tuple[str, str]] = Counter()
        self.last: dict[tuple[str, str], int] = {}
        self.behind: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.refused: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.together: set[tuple[str, ...]] = set()
        self.taken: dict[str, list[list[str]]] = defaultdict(list)
        self.foreign: list[str] = []
        self.stale: list[str] = []
        self.reads = 0

    @property
    def acknowledged(self) -> int:
        """How many effects were acknowledged."""
        return sum(self.times["done"].values())

    def add(self, line: str) -> None:
        event, _, rest = line.partition(" ")
        if event in {"sent", "done", "failed", "known"}:
            self._add_effect(event, rest)
        elif event == "together":
            self.together.add(tuple(rest.split()))
        elif event == "taken":
            kind, *words = rest.split()
            self.taken[kind].append(words)
        elif event == "read":
            self.reads += 1
        else:
            (self.stale if event == "stale" else self.foreign).append(rest)

    def _add_effect(self, event: str, rest: str) -> None:
        work, key, digits = rest.split()
        place, amount = (work, key), int(digits)
        self.sums[event][place] += amount
        self.times[event][place] += 1
        self.largest[place] = max(self.largest[place], amount)
        if event == "sent":
            self.behind[place].add(amount)
        elif event == "done":
            self.last[place] = amount
            self.behind[place] = {each for each in self.behind[place] if each > amount}
        elif event == "failed":
            self.refused[place].add(amount)


def read_journals(paths: list[Path]) -> Notes:
    """Read all journals; the last line of a killed writer may be incomplete."""
    notes = Notes()
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                notes.add(line.rstrip("\n"))
    return notes
