"""The server: uvicorn in the main thread, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import math
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from types import FrameType

import uvicorn

from guestsql.errors import SettingsError
from guestsql.pages.access_log import AccessLog
from guestsql.pages.app import build
from guestsql.pages.pictures import warm_up
from guestsql.pages.security import Access, is_loopback
from guestsql.pages.state import State

__all__ = ["check_access", "listen", "run"]

_KEEP_ALIVE_SECONDS = 5
_BACKLOG = 256


def check_access(access: Access) -> None:
    """Refuse to serve others without a token.

    Raises:
        SettingsError: the server would be reached from elsewhere, and has no token.
    """
    foreign = next((each for each in (access.host, *access.names) if not is_loopback(each)), None)
    if foreign is not None and access.token is None:
        raise SettingsError(
            f"serving on {foreign} needs GUESTSQL_SERVE_TOKEN",
            hint="set it to a secret such as that of openssl rand -hex 32, or leave out --host and --allow-host",
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: a name or an address.
        port: 0 for a free one.

    Raises:
        SettingsError: the address cannot be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # With its protocol named: otherwise asyncio leaves Nagle's algorithm on, and each answer waits 40 ms.
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(_BACKLOG)
        except OSError:
            found.close()
            raise
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}, port {port}: {error}", hint="choose another --port") from error
    return found


def run(state: State, listener: socket.socket, say: Callable[[str], None]) -> None:
    """Serve the pages until SIGTERM or Ctrl-C; requests that are being answered end first.

    Args:
        state: what all requests share.
        listener: from `listen`.
        say: writes a line of the access log.
    """
    config = uvicorn.Config(
        AccessLog(build(state), say),
        log_config=None,
        access_log=False,
        server_header=False,
        # A reverse proxy on this machine says whether the browser uses TLS: then the cookie is Secure.
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1,::1",
        lifespan="off",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(state.timeout) + 2,
    )
    threading.Thread(target=warm_up, name="guestsql-warm-up", daemon=True).start()
    with closing(state):
        _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends with the exit code 0 on a signal; uvicorn sends itself the signal again."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on SIGTERM and SIGINT; at once on the second SIGINT."""

        def request(number: int, _frame: FrameType | None) -> None:
            self.force_exit = self.should_exit and number == signal.SIGINT
            self.should_exit = True

        kept = {each: signal.signal(each, request) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
