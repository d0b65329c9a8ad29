"""Counts round trips: a relay between a client and the socket of its server."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK = 1 << 16


class Relay:
    """Passes on what clients and server send, whatever the protocol.

    Attributes:
        folder: where its socket is, which has the name of the server's.
        round_trips: how often a client has sent something after the server had answered, or at first.
    """

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = str(server)
        self.folder = folder
        self.round_trips = 0
        self._sockets: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / server.name))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut all connections."""
        for each in (self._listener, *self._sockets):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._sockets += [client, server]
            turn = _Turn()
            for source, target, is_client in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass_on, args=(source, target, turn, is_client), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, turn: _Turn, is_client: bool) -> None:
        try:
            while data := source.recv(_CHUNK):
                if is_client and not turn.is_clients:
                    self.round_trips += 1
                turn.is_clients = is_client
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # the other side has closed
            return


class _Turn:
    """Who has sent last."""

    is_clients = False


@contextmanager
def relay(server: Path) -> Iterator[Relay]:
    """A relay to the socket of a server."""
    folder = Path(tempfile.mkdtemp(prefix="guestsql-bench-"))
    made = Relay(server, folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)
