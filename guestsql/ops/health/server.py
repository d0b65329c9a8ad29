"""The HTTP endpoint: a thread of its own, so that a bot that is busy, sync or async, answers all the same."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from guestsql.errors import SettingsError
from guestsql.ops.health.probe import Report
from guestsql.process import in_forked_child
from guestsql.telemetry.log import event

__all__ = ["HealthServer"]

_SECONDS = 5.0
"""A client that does not send its request within that time is hung up on."""


Answer = Callable[[str], tuple[HTTPStatus, dict[str, object]]]


class HealthServer:
    """Answers `/live`, `/ready` and `/healthz`, which is `/ready` by another name, on IPv4 and IPv6; a context manager.

    `/live` is 200 as long as the process runs: for whoever restarts what hangs. `/ready` is 200 when the database
    answers and no migration is pending, and 503 otherwise and while draining: for a load balancer. A forked child
    does not answer; the process that started the server does.

    Args:
        check: what `/ready` asks, such as `Probe(settings).check`. It is called from many threads.
        port: the port; 0 takes a free one.
        host: an address; default all of IPv6 and IPv4.

    Attributes:
        draining: True after `drain`.
    """

    def __init__(self, check: Callable[[], Report], port: int, host: str | None = None) -> None:
        self.draining = False
        self._check = check
        self._server = _listen(port, host, self.answer)
        self._thread: threading.Thread | None = None
        in_forked_child(self, HealthServer._leave_to_parent)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> Self:
        """Begin to answer, in a thread."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="guestsql-health-http", daemon=True
        )
        self._thread.start()
        return self

    def drain(self) -> None:
        """Answer `/ready` with 503 from now on, so that no new traffic comes; `/live` stays 200."""
        self.draining = True

    def close(self) -> None:
        """Accept nobody any more, and finish the answers that are under way."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _leave_to_parent(self) -> None:
        """Be closed in a forked child: a client whom it accepted would wait for a thread that is missing."""
        self._thread = None
        self._server.socket.close()

    def answer(self, path: str) -> tuple[HTTPStatus, dict[str, object]]:
        """Return status and body for a path.

        Args:
            path: without the query string.
        """
        if path == "/live":
            return HTTPStatus.OK, {"status": "live"}
        if path not in ("/ready", "/healthz"):
            return HTTPStatus.NOT_FOUND, {"status": "unknown path", "paths": ["/live", "/ready", "/healthz"]}
        if self.draining:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "draining"}
        report = self._check()
        body: dict[str, object] = {
            "status": "ready" if report.is_ready else "unready",
            "database": report.database,
            "migrations": report.migrations,
            "sqlstate": report.sqlstate,
            "milliseconds": report.milliseconds,
        }
        return HTTPStatus.OK if report.is_ready else HTTPStatus.SERVICE_UNAVAILABLE, body


class _Server(ThreadingHTTPServer):
    """A thread for each request, waited for at the end."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int], answer: Answer) -> None:
        self.address_family = family
        self.answer = answer
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind; an address of IPv6 takes IPv4 too, whatever the system's default is."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Not HTTPServer's own, which asks the DNS for the host's name and may wait for it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)  # pyright: ignore[reportArgumentType]  a tuple of the family
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  socketserver's own
        """Log what a client that hung up, or a bug, has raised; the next one is answered."""
        del request, client_address
        event(logging.WARNING, "HEALTH_ERROR", "a request to the health endpoint failed")


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  http.server's way to narrow it
    timeout: ClassVar[float | None] = _SECONDS
    server_version = "guestsql"
    sys_version = ""
    error_message_format = '{"status": "%(message)s"}\n'
    error_content_type = "application/json"

    def do_GET(self) -> None:
        """Answer with status and JSON."""
        self._respond(body_too=True)

    def do_HEAD(self) -> None:
        """Answer with the status alone."""
        self._respond(body_too=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Keep quiet: a healthcheck comes every few seconds."""

    def _respond(self, *, body_too: bool) -> None:
        status, body = self.server.answer(self.path.partition("?")[0])
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if body_too:
            self.wfile.write(data)


def _listen(port: int, host: str | None, answer: Answer) -> _Server:
    places = [_place(host)] if host is not None else [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104  a healthcheck comes from outside
    failure: OSError | None = None
    for family, address in places:
        try:
            return _Server(family, (address, port), answer)
        except OSError as error:  # a machine without IPv6, or a port that is taken
            failure = failure or error
    raise SettingsError(
        f"cannot listen on port {port}: {failure}", hint="another program has it: name another port in PORT or --port"
    ) from failure


def _place(host: str) -> tuple[socket.AddressFamily, str]:
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), host
