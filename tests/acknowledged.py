"""A fault harness: writers record every acknowledgement outside the database, and a checker compares it with the rows.

A writer is a process with several threads. It appends a line to its journal before and after each write:

- `sent KIND GUEST NUMBER`: the write begins.
- `done KIND GUEST NUMBER`: it was acknowledged, so it must be stored, once.
- `failed KIND GUEST NUMBER`: the error says that it was not done.
- No line: it may be stored or not, because the error says so, or because the writer was killed.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.databases import Program
from tests.server import eventually

# A call that the faults hold up for so long is an error, not a program that hangs.
_DEADLINE_SECONDS = 60
GUESTS = [f"5730000009{number:02}" for number in range(6)]

_WRITER = """
import logging, os, random, signal, sys, threading, warnings
from uuid import uuid4
from guestsql import GuestDatabase
from guestsql.errors import DatabaseError, OutcomeUnknown
from guestsql.settings import Settings

warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)  # from Python 3.12 on
logging.disable()  # stderr is a pipe that is read at the end: once full, it would stop the writers
url, path, deadline, token_writers, message_writers, forks, *guests = sys.argv[1:]
journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
stopped = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: stopped.set())
known = {"deadline_seconds": float(deadline), "flush_seconds": 0.05, "metrics_seconds": 0.05}
db = GuestDatabase(settings=Settings(database_url=url, **known))

def note(*words):
    os.write(journal, (" ".join(map(str, words)) + "\\n").encode())

def add_tokens(chance):
    while not stopped.is_set():
        guest, tokens = chance.choice(guests), chance.randint(1, 9)
        note("sent", "tokens", guest, tokens)
        try:
            db.add_thread_tokens(guest, "thread", tokens)
        except OutcomeUnknown:
            pass
        except DatabaseError:
            note("failed", "tokens", guest, tokens)
        else:
            note("done", "tokens", guest, tokens)

def record_messages(chance):
    recorded = []
    while not stopped.is_set():
        guest = chance.choice(guests)
        note("sent", "messages", guest, 1)
        db.record_interaction(guest)
        recorded.append(guest)
        if len(recorded) >= 5:
            try:
                db.flush()
            except DatabaseError:
                continue  # they stay buffered
            for each in recorded:
                note("done", "messages", each, 1)
            recorded = []
    left.extend(recorded)

def process_messages(chance):
    while not stopped.is_set():
        guest, tokens = chance.choice(guests), chance.randint(1, 9)
        effects = [("tokens", guest, tokens), ("messages", guest, 1)]
        for effect in effects:
            note("sent", *effect)
        try:
            with db.message(str(uuid4()), guest) as message:
                message.tokens("thread", tokens)
        except OutcomeUnknown:
            continue
        except DatabaseError:
            end = "failed"
        else:
            end = "done"
        for effect in effects:
            note(end, *effect)

def write():
    works = [add_tokens] * int(token_writers) + [record_messages] * int(message_writers)
    works += [process_messages] * int(message_writers)
    threads = [threading.Thread(target=work, args=(random.Random(),)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.close()
    for guest in left:
        note("done", "messages", guest, 1)

left = []
db.get_profile(guests[0])
children = []
if int(forks):
    db.record_interaction(guests[0])  # what the parent has buffered is the parent's to write
    note("sent", "messages", guests[0], 1)
    left.append(guests[0])
for _ in range(int(forks)):
    child = os.fork()
    if child == 0:
        left.clear()
        write()
        os._exit(0)
    children.append(child)
print("ready", *children, flush=True)
write()
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
"""


class Writers:
    """Writer processes, and what they were told.

    Args:
        url: the database's address.
        folder: for the journals.
        token_writers: threads of each process that add tokens.
        message_writers: threads of each process that record messages, and as many that process messages.
        forks: forked children of each process that write too.
    """

    def __init__(
        self, url: str, folder: Path, *, token_writers: int = 8, message_writers: int = 2, forks: int = 0
    ) -> None:
        self._arguments = [str(token_writers), str(message_writers), str(forks), *GUESTS]
        self._url = url
        self._folder = folder
        self._journals: list[Path] = []
        self._running: list[tuple[Program, list[int]]] = []

    def start(self, processes: int = 1) -> None:
        """Start processes and wait until they write."""
        for _ in range(processes):
            journal = self._folder / f"journal-{len(self._journals)}"
            journal.touch()
            self._journals.append(journal)
            program = Program(_WRITER, self._url, str(journal), str(_DEADLINE_SECONDS), *self._arguments)
            self._running.append((program, [int(child) for child in program.line().split()[1:]]))

    def wait_for_more(self, number: int = 30) -> None:
        """Wait until so many writes more are acknowledged."""
        wanted = self._acknowledged() + number
        eventually(lambda: self._acknowledged() >= wanted, 120.0)

    def kill(self) -> None:
        """Kill the first process with SIGKILL, and start another in its place."""
        program, _ = self._running.pop(0)
        program.process.kill()
        program.wait()
        self.start()

    def stop(self) -> None:
        """Let all of them end in good order: they write what they have."""
        for program, children in self._running:
            for pid in (program.process.pid, *children):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGUSR1)
        for program, _ in self._running:
            code, errors = program.wait(2 * _DEADLINE_SECONDS)
            assert code == 0, errors
        self._running.clear()

    def check(self, connection: psycopg.Connection[Any]) -> int:
        """Compare the journals with the database.

        Returns:
            The number of acknowledged writes.
        """
        sums: dict[str, Counter[tuple[str, str]]] = {"sent": Counter(), "done": Counter(), "failed": Counter()}
        number = 0
        for journal in self._journals:
            for line in journal.read_text().splitlines():
                what, kind, guest, amount = line.split()
                sums[what][kind, guest] += int(amount)
                number += what == "done"
        stored: dict[tuple[str, str], int] = {}
        for guest, tokens, messages in connection.execute(
            "SELECT phone_number, thread_tokens, total_interactions FROM guest_profiles"
        ):
            stored["tokens", guest], stored["messages", guest] = tokens, messages
        for key in sums["sent"]:
            least, most = sums["done"][key], sums["sent"][key] - sums["failed"][key]
            assert least <= stored.get(key, 0) <= most, f"{key}: acknowledged {least}, sent {most}"
        return number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program, _ in self._running:
            program.__exit__()

    def _acknowledged(self) -> int:
        return sum(journal.read_bytes().count(b"done ") for journal in self._journals)
