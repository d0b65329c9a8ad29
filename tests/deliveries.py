"""A gateway that delivers messages again and again, to bots that are killed or stopped meanwhile.

Like a real one it repeats a delivery until a bot has answered it; besides, it delivers each message two to eight times,
under the guest's phone and under the id without a phone, each time with another time.
"""

from __future__ import annotations

import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple, Self

import psycopg

_BOT = """
import logging, os, queue, random, sys, threading, time
from datetime import datetime, timedelta, UTC
from guestsql import GuestDatabase
from guestsql.errors import GuestSQLError
from guestsql.settings import Settings

logging.disable()
url, lease, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
db = GuestDatabase(settings=Settings(database_url=url, deadline_seconds=60, lease_seconds=lease, metrics_seconds=0))
work = queue.Queue()

def answer(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def serve():
    chance = random.Random()
    while True:
        number, message_id, user_id, thread, tokens = work.get()
        began = time.monotonic()
        try:
            at = datetime.now(UTC) - timedelta(hours=chance.random())
            with db.message(message_id, user_id, at=at, text="Hola") as message:
                if message.is_new:
                    message.tokens(thread, int(tokens))
                    message.reply({"message": message_id, "part": 1})
                    message.reply({"message": message_id, "part": 2})
                    time.sleep(chance.choice([0, 0, 0.001, 0.01]))
                    if chance.random() < 0.02:
                        raise ValueError
                began = time.monotonic()
        except (GuestSQLError, ValueError):
            answer(number, "failed", 0, 0)
        else:
            answer(number, message.state.replace(" ", "_"), began, time.monotonic())

for _ in range(threads):
    threading.Thread(target=serve, daemon=True).start()
for line in sys.stdin:
    work.put(line.split())
os._exit(0)
"""
_WINDOW = 12


class Sent(NamedTuple):
    """A message that the gateway has: its id, its guest, the tokens that its answer costs."""

    message_id: str
    guest: str
    tokens: int


class _Bot:
    """A bot, and the deliveries that it has not answered."""

    def __init__(self, gateway: Gateway) -> None:
        self.unanswered: dict[int, int] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOT, gateway.url, str(gateway.lease_seconds), "4"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, args=(gateway,), daemon=True)
        self._reader.start()

    def deliver(self, number: int, *words: object) -> None:
        assert self.process.stdin is not None
        print(number, *words, file=self.process.stdin, flush=True)

    def _read(self, gateway: Gateway) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n") and len(words := line.split()) == 4:
                gateway.answers.put((self, words))

    def end(self) -> None:
        """Kill it, and let what it has answered be read."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


class Gateway:
    """Delivers messages to bots until each delivery is answered.

    Args:
        url: the bots' database.
        messages: how many messages, of a twentieth as many guests.
        bots: processes, each with four threads.
        lease_seconds: the bots' lease.
    """

    def __init__(self, url: str, messages: int, *, bots: int = 4, lease_seconds: float = 1.0) -> None:
        chance = random.Random(messages)  # the same deliveries in every run
        self.url = url
        self.lease_seconds = lease_seconds
        guests = [f"5730{number:08}" for number in range(max(2, messages // 20))]
        self.messages = [Sent(f"m{n}", chance.choice(guests), chance.randint(0, 9)) for n in range(messages)]
        self._enter(guests)
        # A message and its next one overlap, as do its deliveries.
        times = [(n + chance.random() * 40, n) for n in range(messages) for _ in range(chance.randint(2, 8))]
        self._deliveries = [n for _, n in sorted(times)]
        self._waiting = deque(range(len(self._deliveries)))
        self.answers: queue.Queue[tuple[_Bot, list[str]]] = queue.Queue()
        self._bots = [_Bot(self) for _ in range(bots)]
        self._stopped: _Bot | None = None
        self._chance = chance
        self._news: dict[int, list[tuple[float, float]]] = {}
        self.counts: Counter[str] = Counter(deliveries=len(self._deliveries))

    def _enter(self, guests: list[str]) -> None:
        """Let each guest have a second id."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("INSERT INTO guest_profiles (phone_number) SELECT unnest(%s::text[])", [guests])
            connection.execute(
                "INSERT INTO guest_ids (id, phone_number, source)"
                " SELECT phone_number || '@lid', phone_number, 'test' FROM guest_profiles"
            )

    def run(self, fault_seconds: float) -> None:
        """Deliver everything; kill a bot every so many seconds, and stop every third one for longer than the lease.

        However fast the machine is, one is killed when a quarter of the deliveries has been answered.
        """
        next_fault = time.monotonic() + fault_seconds
        while self._waiting or any(bot.unanswered for bot in self._bots):
            if not self.counts["killed"] and self.counts["new"] + self.counts["done"] >= len(self._deliveries) / 4:
                self._kill(self._chance.randrange(len(self._bots)))
            self._fill()
            with suppress(queue.Empty):
                self._take(*self.answers.get(timeout=0.02))
            if time.monotonic() >= next_fault:
                self._break()
                next_fault = time.monotonic() + fault_seconds

    def _fill(self) -> None:
        for bot in self._bots:
            while self._waiting and len(bot.unanswered) < _WINDOW:
                number = self._waiting.popleft()
                index = self._deliveries[number]
                sent = self.messages[index]
                spelling = sent.guest + self._chance.choice(["", "@c.us", "@lid"])
                bot.unanswered[number] = index
                bot.deliver(number, sent.message_id, spelling, f"thread-{sent.guest}", sent.tokens)

    def _take(self, bot: _Bot, words: list[str]) -> None:
        number, state, began, ended = int(words[0]), words[1], float(words[2]), float(words[3])
        index = bot.unanswered.pop(number, None)
        if index is None:  # its bot was killed meanwhile, and the delivery taken back
            return
        self.counts[state] += 1
        if state == "new":
            self._news.setdefault(index, []).append((began, ended))
        elif state != "done":
            self._waiting.append(number)

    def _break(self) -> None:
        if self._stopped is not None:
            self._stopped.process.send_signal(signal.SIGCONT)
            self._stopped = None
            return
        place = self._chance.randrange(len(self._bots))
        bot = self._bots[place]
        if self._chance.random() < 1 / 3:
            self.counts["stopped"] += 1
            bot.process.send_signal(signal.SIGSTOP)
            self._stopped = bot
            return
        self._kill(place)

    def _kill(self, place: int) -> None:
        bot = self._bots[place]
        if bot is self._stopped:
            self._stopped = None
        self.counts["killed"] += 1
        bot.end()
        with suppress(queue.Empty):
            while True:  # what it answered before its end
                self._take(*self.answers.get_nowait())
        self._waiting.extend(bot.unanswered)
        bot.unanswered.clear()
        self._bots[place] = _Bot(self)

    def check(self) -> None:
        """Compare what was delivered with what the database has."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            self._check_counts(connection)
            self._check_order(connection)

    def _check_counts(self, connection: psycopg.Connection[Any]) -> None:
        wanted = sorted(sent.message_id for sent in self.messages)
        done = connection.execute(
            "SELECT operation_id FROM operations WHERE source = 'whatsapp' AND done_at IS NOT NULL"
        )
        assert sorted(each for (each,) in done) == wanted
        assert sorted(each for (each,) in connection.execute("SELECT message_id FROM messages")) == wanted
        counts, tokens = Counter[str](), Counter[str]()
        for sent in self.messages:
            counts[sent.guest] += 1
            tokens[sent.guest] += sent.tokens
        guests = connection.execute(
            "SELECT phone_number, total_interactions, thread_tokens FROM guest_profiles"
        ).fetchall()
        assert {guest: count for guest, count, _ in guests if count} == counts
        hours = connection.execute("SELECT phone_number, sum(messages) FROM interaction_hours GROUP BY 1").fetchall()
        assert dict(hours) == counts
        assert {guest: spent for guest, _, spent in guests if spent} == {guest: n for guest, n in tokens.items() if n}
        assert all(len(each) == 1 for each in self._news.values()), "processed twice"
        assert set(self._news) <= set(range(len(self.messages)))

    def _check_order(self, connection: psycopg.Connection[Any]) -> None:
        """Of two messages of a guest, the one that was stored first has the first replies; each has two, in order."""
        rows = connection.execute(
            "SELECT phone_number, message_id, array_agg(payload ->> 'part' ORDER BY reply_id),"
            " min(reply_id), max(reply_id) FROM outbox GROUP BY phone_number, message_id"
        ).fetchall()
        assert len(rows) == len(self.messages)
        assert all(parts == ["1", "2"] for _, _, parts, _, _ in rows)
        places = {sent.message_id: index for index, sent in enumerate(self.messages)}
        replies: dict[str, list[tuple[int, int, int]]] = {}
        for guest, message_id, _, first, last in rows:
            index = places[message_id]
            assert self.messages[index].guest == guest
            replies.setdefault(guest, []).append((first, last, index))
        for queued in replies.values():
            queued.sort()
            for (_, last, _), (first, _, _) in pairwise(queued):
                assert last < first
            latest_begin = 0.0
            for _, _, index in queued:
                for began, ended in self._news.get(index, []):
                    assert ended >= latest_begin, "a reply was queued before those of an earlier message"
                    latest_begin = max(latest_begin, began)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for bot in self._bots:
            bot.end()
