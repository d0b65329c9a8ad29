"""The processes of the bot, and what they have answered."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["Answers", "Bot"]

_ROOT = Path(__file__).resolve().parents[3]
_END_SECONDS = 60.0


class Answers:
    """What all bots have answered.

    Attributes:
        seconds: from when a message was due to its answer, by number of the message.
        outcomes: how many of each: `ok`, or the name of an error.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self.outcomes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        """Take one line of a bot."""
        number, outcome, seconds = line.split()
        with self._lock:
            self.outcomes[outcome] += 1
            self.seconds[int(number)] = float(seconds)


class Bot:
    """One process, ready for messages.

    Args:
        url: of the database.
        answers: where its answers go.
    """

    def __init__(self, url: str, answers: Answers) -> None:
        self._answers = answers
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.soak.bot", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=_ROOT,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", "the bot did not start: see its stderr"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def deliver(self, number: int, guest: str, due: float) -> None:
        """Give it a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{number} {guest} {due}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Give it no more messages, and wait until it has answered them and ended; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(_END_SECONDS)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.add(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
