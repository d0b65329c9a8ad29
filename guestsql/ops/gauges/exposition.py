"""The gauges in Prometheus's text format, and over HTTP. Needs the extra `prometheus`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType
from typing import Self, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

from prometheus_client import (
    CollectorRegistry,
    generate_latest,
    make_wsgi_app,  # pyright: ignore[reportUnknownVariableType]  declared as a bare Callable
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guestsql.errors import SettingsError
from guestsql.ops.gauges.changes import ChangeLog
from guestsql.ops.gauges.convention import ColumnKind, kind_of, metric_name
from guestsql.ops.gauges.scrape import Answer, Scrape, Scraper
from guestsql.process import in_forked_child
from guestsql.telemetry.log import quietly

__all__ = ["GaugeCollector", "GaugeServer", "exposition", "families"]

_SECONDS = 10.0
"""A client that does not send its request within this time is disconnected."""


def families(scrape: Scrape) -> Iterator[Metric]:
    """Return the metrics of one scrape: the gauges of the queries, and those about the scrape."""
    for answer in scrape.answers:
        yield from _gauges(answer)
    yield GaugeMetricFamily("guestsql_up", "1 when the server could be reached.", value=scrape.error is None)
    about = "1 when the server is that of DATABASE_REPLICA_URL."
    yield GaugeMetricFamily("guestsql_is_replica", about, value=scrape.is_replica)
    errors = GaugeMetricFamily("guestsql_scrape_error", "1 when the query failed in this scrape.", labels=["query"])
    seconds = GaugeMetricFamily("guestsql_scrape_duration_seconds", "How long the query took.", labels=["query"])
    for answer in scrape.answers:
        errors.add_metric([answer.gauge.query.name], answer.error is not None)
        seconds.add_metric([answer.gauge.query.name], answer.seconds)
    yield errors
    yield seconds


def _gauges(answer: Answer) -> Iterator[Metric]:
    query = answer.gauge.query
    labels = [column.name for column in answer.columns if kind_of(column) is ColumnKind.LABEL]
    for column in answer.columns:
        if kind_of(column) not in (ColumnKind.NUMBER, ColumnKind.TIME):
            continue
        name = metric_name(answer.gauge.prefix, column)
        gauge = GaugeMetricFamily(name, f"{column.name} of {query.name}: {query.summary}", labels=labels)
        for sample in answer.samples:
            if sample.name == name:
                gauge.add_metric([sample.labels[label] for label in labels], sample.value)
        yield gauge


def exposition(scrape: Scrape) -> str:
    """Return a scrape in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FixedCollector(scrape))
    return generate_latest(registry).decode()


class _FixedCollector(Collector):
    """Returns a given scrape."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        """Return its metrics."""
        return families(self._scrape)


class GaugeCollector(Collector):
    """Scrapes on demand, one scrape at a time, and logs what starts or stops failing.

    Args:
        scraper: runs the queries.
    """

    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper
        self._changes = ChangeLog()
        self._begin()
        in_forked_child(self, GaugeCollector._begin)

    def _begin(self) -> None:
        self._turn = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now."""
        with self._turn:
            with quietly():
                scrape = self._scraper.scrape()
            self._changes.take(scrape)
        return families(scrape)

    def describe(self) -> Iterator[Metric]:
        """Return nothing, so that registering runs no query."""
        return iter(())


class GaugeServer:
    """Answers every GET with the metrics; a context manager. A forked child does not answer.

    Args:
        scraper: runs the queries at each GET.
        port: the port to listen on; 0 for a free one.
        host: the address to listen on; by default all IPv6 and IPv4 addresses.

    Raises:
        SettingsError: the port or the address is not available.
    """

    def __init__(self, scraper: Scraper, port: int, host: str | None = None) -> None:
        registry = CollectorRegistry()
        registry.register(GaugeCollector(scraper))
        self._server = _listen(port, host)
        self._server.set_app(cast("WSGIApplication", make_wsgi_app(registry)))
        self._thread: threading.Thread | None = None
        in_forked_child(self, GaugeServer._leave_to_parent)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="guestsql-metrics", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _leave_to_parent(self) -> None:
        """Close the socket in a forked child, which does not have the thread that answers."""
        self._thread = None
        self._server.socket.close()


class _Handler(WSGIRequestHandler):
    timeout = _SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Log nothing: scrapes are too frequent."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        self.address_family = family
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Listen on IPv4, too, and skip WSGIServer's lookup of the host name, which may take long."""
        if self.address_family == socket.AF_INET6 and self.server_address[0] == "::":
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]
        self.setup_environ()


def _listen(port: int, host: str | None) -> _Server:
    everywhere = [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]  # noqa: S104  Prometheus comes from outside
    given = [(socket.AF_INET6 if ":" in host else socket.AF_INET, host)] if host is not None else everywhere
    failure: OSError | None = None
    for family, address in given:
        try:
            return _Server(family, (address, port))
        except OSError as error:  # a machine without IPv6, or a port that is taken
            failure = failure or error
    raise SettingsError(f"cannot listen on port {port}: {failure}", hint="choose another port with --port") from failure
