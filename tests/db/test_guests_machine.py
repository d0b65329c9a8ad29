"""Profiles, threads, tokens, contexts and messages, also three calls at once, compared with a model.

Calls at once must end as if one had come after the other, in their answers too. The steps are drawn before the first is
done. The long form is `make fuzz`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from itertools import count, permutations
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from guestsql import CLEAR, GuestDatabase, GuestProfile
from guestsql.errors import LeaseLost
from tests.databases import PATIENCE_SECONDS, make_settings
from tests.guest_model import Guest, context_of

Connection = psycopg.Connection[Any]

SPELLINGS = {
    "573000000001": ["573000000001", "+57 300 000 0001", "573000000001@c.us"],
    "81234567890123@lid": ["81234567890123@lid", "81234567890123:7@lid"],
}
GUESTS = list(SPELLINGS)
PICTURE = """
SELECT
    guest.user_name, guest.labels, guest.profile_data, guest.memory_enabled, guest.thread_id, guest.thread_tokens,
    guest.total_interactions,
    array(SELECT (old.thread_id, old.tokens) FROM guest_threads AS old
        WHERE old.phone_number = guest.phone_number ORDER BY old.thread_id),
    (SELECT count(*) FROM outbox WHERE outbox.phone_number = guest.phone_number)
FROM guest_profiles AS guest
WHERE guest.phone_number = %s
"""


class Call(NamedTuple):
    """A method, the guest, the spelling, and what else it is given."""

    name: str
    guest: str
    spelling: int
    given: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


def call(name: str, *parts: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        st.just(name),
        st.sampled_from(GUESTS),
        st.integers(0, 2),
        st.tuples(*parts),
        st.fixed_dictionaries(named).map(lambda each: tuple(each.items())),
    )


names = st.sampled_from([None, None, "Ana", "Eva", CLEAR])
some_labels = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True)
threads = st.sampled_from(["t1", "t1", "t2"])
messages = st.sampled_from(["m1", "m1", "m2"])
updates = call(
    "update",
    user_name=names,
    labels=st.one_of(st.none(), some_labels, st.just(CLEAR)),
    profile_data=st.one_of(
        st.none(), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2), st.just(CLEAR)
    ),
    memory_enabled=st.sampled_from([None, None, None, True, False]),
)
contexts = call("context")
tokens = call("add_tokens", threads, st.integers(0, 9), st.one_of(st.none(), messages))
calls = st.one_of(
    updates,
    contexts,
    contexts,
    contexts,
    tokens,
    tokens,
    call("message", messages, threads, st.integers(0, 9)),
    call("message", messages, threads, st.integers(0, 9)),
    call("add_labels", some_labels),
    call("remove_labels", some_labels),
    call("set_thread", st.one_of(threads, st.none())),
    call("create_thread"),
    call("record", st.one_of(st.none(), messages)),
    call("invalidate"),
    call("forget"),
)
steps = st.one_of(st.tuples(calls), st.tuples(calls, calls), st.tuples(calls, calls, calls))


class Machine:
    """Does steps in a database and in the model, and compares them.

    Args:
        url: the database.
        connection: reads it.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        self._connection = connection
        self._databases = [GuestDatabase(settings=make_settings(url), context_builder=_build) for _ in range(3)]
        self._pool = ThreadPoolExecutor(3)
        self._numbers = count()

    def close(self) -> None:
        for each in self._databases:
            each.close()
        self._pool.shutdown()

    def empty(self) -> None:
        """Begin anew."""
        self._connection.execute(
            "TRUNCATE guest_profiles, guest_ids, guest_threads, operations, erased_guests, interaction_hours, messages,"
            " outbox"
        )
        self.guests = {key: Guest() for key in GUESTS}

    def do(self, step: tuple[Call, ...]) -> None:
        """One call, or several at once: as if one had come after the other."""
        several = [self._numbered(each) for each in step]
        acting = [self._pool.submit(self._act, *each) for each in zip(self._databases, several, strict=False)]
        wait(acting, PATIENCE_SECONDS)
        answers = [each.result(0) for each in acting]
        found = {key: self._picture(key) for key in GUESTS}
        tried = []
        for order in permutations(range(len(several))):
            model = {key: guest.copy() for key, guest in self.guests.items()}
            expected = {
                place: self._expect(model[several[place].guest], several[place], answers[place]) for place in order
            }
            pictures = {key: guest.picture() for key, guest in model.items()}
            tried.append((pictures, [expected[place] for place in range(len(several))]))
            alike = all(
                _same(each, expected[place], answers[place], len(several)) for place, each in enumerate(several)
            )
            if pictures == found and alike:
                self.guests = model
                return
        raise AssertionError(f"{several}\nstored   {found}\nanswered {answers}\nmodel    " + "\n".join(map(str, tried)))

    def _numbered(self, each: Call) -> Call:
        """A factory makes a new thread each time; a message's id is its guest's, so that it stays with that guest."""
        if each.name == "create_thread":
            return each._replace(given=(f"c{next(self._numbers)}",))
        return each._replace(
            given=tuple(f"{each.guest} {part}" if part in ("m1", "m2") else part for part in each.given)
        )

    def _act(self, db: GuestDatabase, each: Call) -> Any:  # noqa: PLR0911  one line a method
        user = SPELLINGS[each.guest][each.spelling % len(SPELLINGS[each.guest])]
        named = dict(each.named)
        match each.name:
            case "message":
                return _process(db, user, *each.given)
            case "add_tokens":
                return db.add_thread_tokens(user, *each.given[:2], message_id=each.given[2])
            case "record":
                return db.run(lambda tx: tx.record_interaction(user, message_id=each.given[0]))
            case "set_thread":
                thread = db.clear_thread(user) if each.given[0] is None else db.set_thread(user, *each.given)
                return thread.thread_id, thread.token_count
            case "create_thread":
                thread = db.create_thread(user, lambda: each.given[0])
                return thread.thread_id, thread.token_count
            case "context":
                return db.get_context(user)
            case "invalidate":
                return db.invalidate_context(user)
            case "forget":
                db.forget_guest(user)
                return None
        method = {"update": db.update_profile}.get(each.name) or getattr(db, each.name)
        profile = method(user, *each.given, **named)
        return profile.user_name, profile.labels, profile.profile_data, profile.memory_enabled

    @staticmethod
    def _expect(guest: Guest, each: Call, answer: Any) -> Any:
        if each.name == "message" and answer in ("in progress", "lost"):  # of several at once
            if answer == "lost":
                guest.erased.add(each.given[0])
            return answer
        found = getattr(guest, each.name)(*each.given, **dict(each.named))
        return found[:4] if each.name in ("update", "add_labels", "remove_labels") else found

    def _picture(self, key: str) -> tuple[Any, ...] | None:
        row = self._connection.execute(PICTURE, [key]).fetchone()
        if row is None:
            return None
        *columns, replaced, replies = row
        return (*columns, [(thread, int(spent)) for thread, spent in replaced], replies)


def _same(each: Call, expected: Any, answer: Any, at_once: int) -> bool:
    # With nothing to write, the profile is read again afterwards: then it may have the change of another call.
    return expected == answer or (at_once > 1 and each.name in ("update", "add_labels", "remove_labels", "invalidate"))


def _build(profile: GuestProfile) -> str:
    return context_of(profile.user_name, profile.labels, profile.profile_data)


def _process(db: GuestDatabase, user: str, message_id: str, thread: str, spent: int) -> str:
    try:
        with db.message(message_id, user) as message:
            if message.is_new:
                message.tokens(thread, spent)
                message.reply({"text": "x"})
    except LeaseLost:  # its guest was erased meanwhile
        return "lost"
    return str(message.state)


@pytest.fixture
def machine(database_url: str, autocommit: Connection) -> Iterator[Machine]:
    with closing(Machine(database_url, autocommit)) as made:
        yield made


@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(program=st.lists(steps, min_size=10, max_size=25))
def test_guests_are_as_the_model_says(machine: Machine, program: list[tuple[Call, ...]]) -> None:
    machine.empty()
    for step in program:
        machine.do(step)
