"""The packaged migrations make hash partitions of the tables of guests, and routed queries read one of them."""

from __future__ import annotations

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.benchmarks.partitions.pruning import count_partitions
from tests.benchmarks.partitions.schema import fill, key_of, migrate

# An array of guests, or an id that is looked up for more than one reason.
SEVERAL = {"lookup_contexts", "record_interactions", "complete_message"}


@pytest.mark.once
def test_routed_queries_read_one_partition(empty_database_url: str) -> None:
    migrate(empty_database_url, 4)
    fill(empty_database_url, 40)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        used = dict(count_partitions(connection))
    assert {name for name, counts in used.items() if max(counts.values(), default=0) > 1} <= SEVERAL
    assert used["lookup_context"] == used["claim_context"] == {"guest_ids": 1, "guest_profiles": 1}
    with GuestDatabase(empty_database_url) as db:
        assert db.add_thread_tokens(key_of(7), "thread_7", 5) == 105
        db.link_ids(key_of(7), lid="123456789012345@lid")
        assert db.get_context("123456789012345@lid").startswith("context")
        assert db.merge_guests(key_of(7), key_of(8)).phone_number == key_of(7)
        assert db.forget_guest(key_of(7))["guest_profiles"] == 1
