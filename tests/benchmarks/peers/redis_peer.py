"""Redis: its server, and redis-py."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redis.asyncio

from tests.benchmarks.peers.contents import GUESTS, POOL, TTL_SECONDS, text_of
from tests.benchmarks.peers.peer import Peer, Place, Unavailable
from tests.server import eventually

_SETTINGS = ("--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no")
# It ends with its standard input, that is with this process, however that ends.
_WATCHED = '"$@" & pid=$!; cat; kill "$pid"; wait'


@contextmanager
def redis_server() -> Iterator[Path | None]:
    """A Redis of our own on a socket, which saves nothing; None where the program is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="guestsql-bench-") as folder:
        socket = Path(folder) / "redis.sock"
        command = ["sh", "-c", _WATCHED, "sh", program, *_SETTINGS, "--unixsocket", str(socket), "--dir", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):
            eventually(socket.exists)
            yield socket


class Redis(Peer):
    """redis-py with hiredis."""

    name = "Redis"
    kind = "other"

    def __init__(self, place: Place) -> None:
        if place.redis is None:
            raise Unavailable("redis-server is not installed: apt-get install redis-server")
        self._place = place
        address = {"unix_socket_path": str(place.redis), "decode_responses": True}
        self._client = redis.Redis(**address, max_connections=None)
        self._async_client = redis.asyncio.Redis(
            connection_pool=redis.asyncio.BlockingConnectionPool(
                connection_class=redis.asyncio.UnixDomainSocketConnection,
                path=str(place.redis),
                decode_responses=True,
                max_connections=POOL,
                timeout=60,
            )
        )
        self.server = f"Redis {self._client.info('server')['redis_version']}"
        self.hit = self._client.get
        self.async_hit = self._async_client.get
        with self._client.pipeline(transaction=False) as pipeline:
            for key in GUESTS:
                pipeline.set(key, text_of(key), ex=TTL_SECONDS)
            pipeline.execute()

    def batch(self, keys: list[str]) -> list[str]:
        return [text for text in self._client.mget(keys) if text is not None]

    def expire(self, key: str) -> None:
        self._client.delete(key)

    def miss(self, key: str) -> str:
        text = self._client.get(key)
        if text is None:
            text = self._place.builder(key)
            self._client.set(key, text, ex=TTL_SECONDS)
        return text

    def write(self, key: str) -> None:
        self._client.set(key, text_of(key), ex=TTL_SECONDS)

    def close(self) -> None:
        self._client.close()
        self._place.loop.run_until_complete(self._async_client.aclose())
