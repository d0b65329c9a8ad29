"""Ids, links, merges, erasures, phone changes and recycled numbers, also two at once, compared with a model.

The steps are drawn before the first is done: what two sessions do at once may differ from run to run, the steps must
not. The long form is `make fuzz`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from guestsql import GuestDatabase
from tests.databases import PATIENCE_SECONDS, make_settings
from tests.id_model import Model

Connection = psycopg.Connection[Any]

PHONES = ["573000000001", "573000000002", "5215512345678", "525512345678"]
LIDS = ["81234567890123@lid", "81234567890124@lid"]
SCOPED = ["CO.a1", "CO.b2", "CO.c3"]


class Call(NamedTuple):
    """A method and what it is given."""

    name: str
    ids: tuple[str, ...]
    named: dict[str, str | None]


def call(name: str, *ids: str, **named: str | None) -> Call:
    return Call(name, ids, named)


anyone = st.sampled_from(PHONES + LIDS + SCOPED)
phones, lids, scoped = (st.sampled_from([None, *ids]) for ids in (PHONES, LIDS, SCOPED))
links = st.builds(call, st.just("link"), anyone, phone=phones, lid=lids, bsuid=scoped)
calls = st.one_of(
    links,
    links,
    st.builds(call, st.just("record"), anyone),
    st.lists(anyone, min_size=2, max_size=2, unique=True).map(lambda ids: call("merge", *ids)),
    st.builds(call, st.just("forget"), anyone),
    st.builds(call, st.just("change_phone"), anyone, st.sampled_from(PHONES)),
)
steps = st.one_of(
    st.tuples(calls),
    st.tuples(calls, calls),
    st.builds(call, st.just("buffer"), anyone).map(lambda each: (each,)),
    st.just((call("flush"),)),
)


class Machine:
    """Does steps in a database and in the model, and compares them.

    Args:
        url: the database.
        connection: reads it.

    Attributes:
        model: what must be stored.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        self._connection = connection
        # Messages are buffered in the first; two calls at once use the others.
        self._databases = [GuestDatabase(settings=make_settings(url)) for _ in range(3)]
        self._pool = ThreadPoolExecutor(2)
        self.model = Model()

    def close(self) -> None:
        for each in self._databases:
            each.close()
        self._pool.shutdown()

    def empty(self) -> None:
        """Begin anew."""
        self._databases[0].flush()
        self._connection.execute(
            "TRUNCATE guest_profiles, guest_ids, guest_threads, operations, erased_guests, interaction_hours"
        )
        self.model = Model()

    def do(self, step: tuple[Call, ...]) -> None:
        """One call, or two at once: as if one had come after the other."""
        if len(step) == 1:
            self._act(0, step[0])
            self._expect(self.model, step[0], drops=True)
            models = [self.model]
        else:
            acting = [self._pool.submit(self._act, place, each) for place, each in enumerate(step, 1)]
            wait(acting, PATIENCE_SECONDS)  # for both, also when one raises: the next program begins with empty tables
            for each in acting:
                each.result(0)
            models = [self.model.copy(), self.model.copy()]
            for model, order in zip(models, (step, step[::-1]), strict=True):
                for each in order:
                    self._expect(model, each, drops=False)
        found = self._picture()
        wanted = [model.picture() for model in models]
        assert found in wanted, f"stored {found}\nmodel {wanted}"
        self.model = models[wanted.index(found)]
        self._order()
        self._read()

    def _act(self, place: int, each: Call) -> None:
        db = self._databases[place]
        if each.name == "flush":
            db.flush()
        elif each.name == "record":
            db.run(lambda tx: tx.record_interaction(*each.ids))
        else:
            methods = {
                "buffer": db.record_interaction,
                "link": db.link_ids,
                "merge": db.merge_guests,
                "forget": db.forget_guest,
                "change_phone": db.change_phone,
            }
            methods[each.name](*each.ids, **each.named)

    @staticmethod
    def _expect(model: Model, each: Call, *, drops: bool) -> None:
        if each.name == "forget":
            model.forget(*each.ids, drops=drops)
        else:
            getattr(model, each.name)(*each.ids, **each.named)

    def _picture(self) -> list[tuple[list[str], int, str]]:
        rows = self._connection.execute(
            """
            SELECT
                array_agg(id), total_interactions, coalesce((SELECT min(spelled) FROM unnest(phones) AS spelled), '')
            FROM guest_profiles AS guest
            LEFT JOIN guest_ids USING (phone_number)
            CROSS JOIN guestsql_spellings(guestsql_current_phone(current_phone, guest.phone_number)) AS phones
            GROUP BY guest.phone_number, phones
            """
        ).fetchall()
        assert all(ids != [None] for ids, *_ in rows), "a guest without ids cannot be reached"
        hours = self._connection.execute("SELECT phone_number, messages FROM interaction_hours").fetchall()
        counted = self._connection.execute(
            "SELECT phone_number, total_interactions FROM guest_profiles WHERE total_interactions > 0"
        ).fetchall()
        added = Counter[str]()
        for key, messages in hours:
            added[key] += messages
        assert added == dict(counted), "the hours of each guest add up to the messages"
        return sorted((sorted(each for each in ids if "#" not in each), *rest) for ids, *rest in rows)

    def _read(self) -> None:
        """A context is that of the guest to whom the id leads, however it is read."""
        self._connection.execute("UPDATE guest_profiles SET context_cache = phone_number")
        ids = [*PHONES, *LIDS, *SCOPED]
        rows = self._connection.execute(
            "SELECT id, phone_number FROM guest_ids INNER JOIN guest_profiles USING (phone_number) WHERE id = ANY(%s)",
            [ids],
        )
        leads = dict(rows.fetchall())
        queries = self._databases[0].queries
        found = [(row.id, row.context_cache) for row in queries.lookup_contexts(phone_numbers=ids)]
        assert sorted(found) == sorted(leads.items())
        alone = {each: queries.lookup_context(phone_number=each) for each in ids}
        assert {each: row.context_cache for each, row in alone.items() if row is not None} == leads

    def _order(self) -> None:
        """Of two guests created at once, only the database knows the older one."""
        rows = self._connection.execute(
            "SELECT id, created_at, phone_number FROM guest_ids INNER JOIN guest_profiles USING (phone_number)"
        )
        ages = {row[0]: row[1:] for row in rows}
        known = [guest for guest in self.model.guests() if self.model.ids_of(guest)]
        for place, guest in enumerate(sorted(known, key=lambda each: ages[self.model.ids_of(each)[0]])):
            guest.since = place


@pytest.fixture
def machine(database_url: str, autocommit: Connection) -> Iterator[Machine]:
    with closing(Machine(database_url, autocommit)) as made:
        yield made


@settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(program=st.lists(steps, min_size=10, max_size=25))
def test_ids_are_as_the_model_says(machine: Machine, program: list[tuple[Call, ...]]) -> None:
    machine.empty()
    for step in program:
        machine.do(step)
