"""A message with tokens and a reply, and a redelivery, against raw psycopg with the same statements, prepared."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from guestsql import GuestDatabase, Settings
from tests.checking import every_query

GUEST = "573000000001"
TEXT = "Hola, ¿hay una habitación para dos?"

Compare = Callable[..., None]
Raw = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def database(database_url: str) -> Iterator[GuestDatabase]:
    with GuestDatabase(settings=Settings(database_url=database_url, metrics_seconds=0)) as opened:
        opened.add_thread_tokens(GUEST, "thread_1", 1)
        yield opened


class _Statement:
    """A packaged query on a raw connection."""

    def __init__(self, name: str, raw: Raw) -> None:
        self._query = every_query()[name]
        self._raw = raw

    def run(self, **parameters: object) -> tuple[object, ...] | None:
        values = [parameters[name] for name in self._query.positional]
        return self._raw.execute(self._query.text, values, prepare=True).fetchone()


def bench_message(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    claim, complete = _Statement("claim_message", raw), _Statement("complete_message", raw)
    numbers = itertools.count()

    def ours(calls: int) -> None:
        for _ in range(calls):
            with database.message(f"ours-{next(numbers)}", GUEST, text=TEXT) as message:
                message.tokens("thread_1", 7)
                message.reply({"text": "Hola"})

    def plain(calls: int) -> None:
        for _ in range(calls):
            message = {"gateway": "whatsapp", "message_id": f"plain-{next(numbers)}", "lease": uuid.uuid4()}
            claim.run(**message, phone_number=GUEST, sent_at=None, text=TEXT, lease_seconds=8.0, keyed_hashes=[])
            complete.run(
                **message,
                phone_number=GUEST,
                sent_at=None,
                chat_id=None,
                text=None,
                thread_ids=["thread_1"],
                thread_tokens=[7],
                replies=[json.dumps({"text": "Hola"})],
                keyed_hashes=[],
            )

    compare(ours, plain, calls=30, rounds=40, aim=1.25)


def bench_redelivery(database: GuestDatabase, raw: Raw, compare: Compare) -> None:
    claim = _Statement("claim_message", raw)
    with database.message("m1", GUEST, text=TEXT):
        pass

    def ours(calls: int) -> None:
        for _ in range(calls):
            with database.message("m1", GUEST, text=TEXT):
                pass

    def plain(calls: int) -> None:
        for _ in range(calls):
            message = {"gateway": "whatsapp", "message_id": "m1", "lease": uuid.uuid4()}
            claim.run(**message, phone_number=GUEST, sent_at=None, text=TEXT, lease_seconds=8.0, keyed_hashes=[])

    compare(ours, plain, calls=50, rounds=40)
