"""A TCP proxy in front of a server's socket that harms the requests which it is asked to harm."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

# A session begins with one of these, and ends with Terminate; between them are requests.
_STARTS = (b"\x00\x03\x00\x00", b"\x04\xd2\x16\x2e", b"\x04\xd2\x16\x2f")
_END = b"X\x00\x00\x00\x04"
HARMS = ("before", "half", "during", "after", "hang", "silence")
"""When a connection is cut: before the server has the request, when it has one half of it, while it runs, when it has
answered. Or later, and until then nothing comes through: the request, or the answer to it."""


class Link:
    """A client's connection and the server's.

    Attributes:
        is_dumb: True while answers of the server are dropped.
    """

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.is_dumb = False
        self.answered = threading.Event()

    def cut(self) -> None:
        """End both connections."""
        for one in (self.client, self.server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class HarmingProxy:
    """Passes everything on, until it is asked to harm requests.

    Args:
        url: the server's database.

    Attributes:
        requests: how many requests have come by.
        harmed: how many of them were harmed.
        is_closed: while True, new connections are refused.
    """

    def __init__(self, url: str) -> None:
        self._known = conninfo_to_dict(url)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._lock = threading.Lock()
        self._ordered: list[tuple[str, float, bytes]] = []
        self._links: set[Link] = set()
        self.requests = 0
        self.harmed = 0
        self.is_closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The same database, by way of the proxy."""
        port, known = self._listener.getsockname()[1], self._known
        return f"postgresql://{quote(str(known['user']))}@127.0.0.1:{port}/{known['dbname']}?sslmode=disable"

    def harm(self, how: str, times: int, seconds: float = 0.0, *, at: bytes = b"") -> None:
        """Harm the next requests, one on each connection that sends one.

        Args:
            how: one of HARMS.
            times: how many requests.
            seconds: how long one hangs.
            at: what is in the request.
        """
        with self._lock:
            self._ordered += [(how, seconds, at)] * times

    def is_idle(self) -> bool:
        """Return whether everything that was asked for is done."""
        with self._lock:
            return not self._ordered

    def cut_all(self) -> None:
        """Cut every connection."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.cut()

    def _next(self, data: bytes) -> tuple[str, float] | None:
        with self._lock:
            self.requests += 1
            for place, (how, seconds, at) in enumerate(self._ordered):
                if at in data:
                    del self._ordered[place]
                    self.harmed += 1
                    return how, seconds
        return None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            if self.is_closed:
                client.close()
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            try:
                server.connect(f"{self._known['host']}/.s.PGSQL.{self._known['port']}")
            except OSError:  # the server is down
                return
            link = Link(client, server)
            with self._lock:
                self._links.add(link)
            back = threading.Thread(target=self._answer, args=(link,), daemon=True)
            back.start()
            with suppress(OSError):
                self._ask(link)
            link.cut()
            back.join()
            with self._lock:
                self._links.discard(link)

    def _ask(self, link: Link) -> None:
        while data := link.client.recv(65536):
            is_spared = data[4:8] in _STARTS or data.startswith(_END)
            harm = None if is_spared else self._next(data)
            if harm is None:
                link.server.sendall(data)
            else:
                _ACTS[harm[0]](link, data, harm[1])
                return
        if not link.is_dumb:
            _shut_writing(link.server)

    def _answer(self, link: Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(65536):
                link.answered.set()
                if not link.is_dumb:
                    link.client.sendall(data)
        link.answered.set()
        link.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut_all()


def _cut_before(link: Link, data: bytes, seconds: float) -> None:
    del data, seconds
    link.cut()


def _cut_half(link: Link, data: bytes, seconds: float) -> None:
    del seconds
    link.server.sendall(data[: len(data) // 2])


def _cut_during(link: Link, data: bytes, seconds: float) -> None:
    """The server has the whole request; whether it does it depends on which is faster."""
    del seconds
    link.server.sendall(data)


def _cut_after(link: Link, data: bytes, seconds: float) -> None:
    """The first bytes of an answer come when the request is done, or has failed."""
    del seconds
    link.is_dumb = True
    link.answered.clear()
    link.server.sendall(data)
    link.answered.wait(5.0)


def _hang(link: Link, data: bytes, seconds: float) -> None:
    """The server never gets the request: what comes late would be done behind a repeat of it."""
    del data
    link.is_dumb = True
    time.sleep(seconds)


def _silence(link: Link, data: bytes, seconds: float) -> None:
    """The server does the request, and the client hears nothing of it."""
    link.is_dumb = True
    link.server.sendall(data)
    time.sleep(seconds)


def _shut_writing(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_WR)


_ACTS: dict[str, Callable[[Link, bytes, float], None]] = {
    "before": _cut_before,
    "half": _cut_half,
    "during": _cut_during,
    "after": _cut_after,
    "hang": _hang,
    "silence": _silence,
}
