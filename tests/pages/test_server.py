"""The socket of `guestsql serve`."""

from __future__ import annotations

import socket

from guestsql.pages.server import listen


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio turns Nagle's algorithm off for sockets of this protocol; with it a page takes 40 ms longer."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
