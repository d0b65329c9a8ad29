"""The HTTP endpoint, in its own thread: it answers even while the bot is busy, whether sync or async."""

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
from guestsql.ops.health.probe import HealthReport
from guestsql.process import in_forked_child
from guestsql.telemetry.log import event

__all__ = ["HealthServer"]

_SECONDS = 5.0
"""A client that does not send its request within this time is disconnected."""


Answer = Callable[[str], tuple[HTTPStatus, dict[str, object]]]


class HealthServer:
    """Answers `/live`, `/ready` and `/healthz` (the same as `/ready`) on IPv4 and IPv6; a context manager.

    `/live` returns 200 while the process runs, for a supervisor that restarts a hung process. `/ready` returns 200 when
    the database answers and no migration is pending, otherwise and while draining 503, for a load balancer. A forked
    child does not answer.

    Args:
        check: called by `/ready`, such as `Probe(settings).check`; from many threads.
        port: the port to listen on; 0 for a free one.
        host: the address to listen on; by default all IPv6 and IPv4 addresses.

    Attributes:
        draining: whether `drain` was called.
    """

    def __init__(self, check: Callable[[], HealthReport], port: int, host: str | None = None) -> None:
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
        """Start answering, in a thread."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="guestsql-health-http", daemon=True
        )
        self._thread.start()
        return self

    def drain(self) -> None:
        """Answer `/ready` with 503 from now on, to stop new traffic; `/live` stays 200."""
        self.draining = True

    def close(self) -> None:
        """Accept no more requests, and finish the running ones."""
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
        """Close the socket in a forked child, which does not have the thread that answers."""
        self._thread = None
        self._server.socket.close()

    def answer(self, path: str) -> tuple[HTTPStatus, dict[str, object]]:
        """Return status and body for a path.

        Args:
            path: the path without the query string.
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
    """Uses a thread for each request, and waits for them at the end."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int], answer: Answer) -> None:
        self.address_family = family
        self.answer = answer
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind. An IPv6 address accepts IPv4, too, whatever the system's default is."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # HTTPServer.server_bind would look up the host name, which may take long.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)  # pyright: ignore[reportArgumentType]  a tuple of the family
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  socketserver's own
        """Log an error of a request, such as a disconnected client; the server continues."""
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
        """Send status and JSON."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Send the status only."""
        self._respond(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Log nothing: health checks come every few seconds."""

    def _respond(self, *, with_body: bool) -> None:
        status, body = self.server.answer(self.path.partition("?")[0])
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(data)


def _listen(port: int, host: str | None, answer: Answer) -> _Server:
    places = [_place(host)] if host is not None else [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104  health checks come from outside
    failure: OSError | None = None
    for family, address in places:
        try:
            return _Server(family, (address, port), answer)
        except OSError as error:  # a machine without IPv6, or a port that is taken
            failure = failure or error
    raise SettingsError(
        f"cannot listen on port {port}: {failure}", hint="choose another port with PORT or --port"
    ) from failure


def _place(host: str) -> tuple[socket.AddressFamily, str]:
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), host
