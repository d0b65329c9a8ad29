"""Messages through the pooler."""

from __future__ import annotations

from tests.db.test_messages import (
    test_a_block_that_raises_stores_nothing_and_the_message_can_be_claimed_at_once,  # noqa: F401  collected here, with this folder's `database_url`
    test_all_that_comes_of_a_message_is_stored_once,  # noqa: F401  likewise
    test_the_lease_is_renewed_and_its_loss_is_noticed,  # noqa: F401  likewise
)
