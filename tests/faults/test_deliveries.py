"""Messages that are delivered again and again to bots that are killed: each is processed once.

The long form is `make deliveries`: some 100,000 deliveries of 20,000 messages, and a bot killed every two seconds.
"""

from __future__ import annotations

import os

from tests.deliveries import Gateway

MESSAGES = int(os.environ.get("MESSAGES", "400"))
FAULT_SECONDS = 0.5 if MESSAGES <= 1000 else 2.0


def test_every_message_is_processed_once(database_url: str) -> None:
    with Gateway(database_url, MESSAGES) as gateway:
        gateway.run(FAULT_SECONDS)
        gateway.check()
    print(dict(gateway.counts))  # noqa: T201  the long form's figures
    assert gateway.counts["killed"] >= 1
