"""The connection to the server: its name, its port, and encryption."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from concurrent.futures import Future
from pathlib import Path

from guestsql.ops.doctor.diagnosis import CheckResult, fault, ok
from guestsql.ops.doctor.target import Target

__all__ = ["dns", "is_private", "port", "tls"]

_SSL_REQUEST = struct.pack("!ii", 8, 80_877_103)
_WANTS_TLS = ("require", "verify-ca", "verify-full")
_DEFAULT_PORT = "5432"

Place = tuple[str, int]
"""An address or a socket's folder, and the port."""


def dns(target: Target) -> CheckResult:
    """Does the host's name resolve?"""
    unknown: list[str] = []
    found: list[str] = []
    for host, number in _places(target):
        if _is_socket(host):
            found.append(f"{host} is a socket's folder")
            continue
        try:
            found.append(f"{host} is {', '.join(dict.fromkeys(_resolved(host, number, target.limits.seconds)))}")
        except OSError as error:
            unknown.append(f"{host}: {error.strerror or error}")
    if unknown and not found:
        return fault(
            f"the host name is unknown: {'; '.join(unknown)}",
            "check the host in DATABASE_URL; a private name such as ….railway.internal resolves in its project only",
        )
    return ok("; ".join([*found, *unknown]))


def port(target: Target) -> CheckResult:
    """Does a server listen there?"""
    good: list[str] = []
    bad: list[str] = []
    for host, number in _places(target):
        for place in _addresses(target, host, number):
            try:
                _connected(place, number, target.limits.seconds).close()
                good.append(f"{place} answers on port {number}")
            except OSError as error:
                bad.append(f"{place} port {number}: {_reason(error)}")
    if good:
        return ok("; ".join([*good, *bad]))
    return fault("; ".join(bad), _advice(" ".join(bad)))


def tls(target: Target) -> CheckResult:
    """Is it PostgreSQL, and is the connection encrypted outside private networks?"""
    mode = target.address.get("sslmode", "prefer")
    host, number, place = _first_that_answers(target)
    if _is_socket(host):
        return ok("a local socket needs no TLS")
    answer = _asked_for_tls(place, number, target.limits.seconds)
    if answer not in (b"S", b"N"):
        return fault(f"what listens on {host} port {number} is not PostgreSQL", "check host and port in DATABASE_URL")
    offered = answer == b"S"
    if mode in _WANTS_TLS and not offered:
        return fault(
            f"the server offers no TLS, which sslmode={mode} requires",
            "enable ssl on the server; on a private network only, omit sslmode",
        )
    used = offered and mode not in ("disable", "allow")
    if not used and not is_private(place):
        return fault(
            f"password and data cross a public network unencrypted (sslmode={mode})",
            "add ?sslmode=require to DATABASE_URL" if offered else "use the private address, or a server with TLS",
        )
    if used and mode == "prefer" and not is_private(place):
        return ok("encrypted; sslmode=require in DATABASE_URL would enforce it")
    return ok("encrypted" if used else "not encrypted, on a private address")


def is_private(address: str) -> bool:
    """Return whether an address is on this machine or in a private network.

    Args:
        address: an IP address, or the folder of a socket.
    """
    if _is_socket(address):
        return True
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return known.is_loopback or known.is_private or known.is_link_local


def _places(target: Target) -> list[Place]:
    known = target.address
    hosts = (known.get("hostaddr") or known.get("host") or "localhost").split(",")
    ports = (known.get("port") or _DEFAULT_PORT).split(",")
    if len(ports) != len(hosts):
        ports = [ports[0]] * len(hosts)
    return [(host or "localhost", int(number or _DEFAULT_PORT)) for host, number in zip(hosts, ports, strict=True)]


def _is_socket(host: str) -> bool:
    return host.startswith(("/", "@"))


def _resolved(host: str, number: int, seconds: float) -> list[str]:
    """Run the resolver in a thread, because it has no timeout."""
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result([str(found[4][0]) for found in socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            answer.set_exception(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name="guestsql-doctor-dns", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise OSError(f"no answer within {seconds:g} s") from None


def _addresses(target: Target, host: str, number: int) -> list[str]:
    if _is_socket(host):
        return [host]
    try:
        return list(dict.fromkeys(_resolved(host, number, target.limits.seconds)))
    except OSError:  # another host of the list may resolve; `dns` reports this one
        return []


def _connected(place: str, number: int, seconds: float) -> socket.socket:
    if not _is_socket(place):
        return socket.create_connection((place, number), timeout=seconds)
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(seconds)
    name = f".s.PGSQL.{number}"
    try:
        opened.connect(f"\0{place[1:]}/{name}" if place.startswith("@") else str(Path(place) / name))
    except OSError:
        opened.close()
        raise
    return opened


def _first_that_answers(target: Target) -> tuple[str, int, str]:
    for host, number in _places(target):
        for place in _addresses(target, host, number):
            try:
                _connected(place, number, target.limits.seconds).close()
            except OSError:  # `port` reports it
                continue
            return host, number, place
    raise ConnectionRefusedError("the server no longer listens")


def _asked_for_tls(place: str, number: int, seconds: float) -> bytes:
    """Send SSLRequest; the server answers S or N."""
    try:
        with _connected(place, number, seconds) as opened:
            opened.sendall(_SSL_REQUEST)
            return opened.recv(1)
    except OSError:  # disconnected or silent
        return b""


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return "no answer"
    return error.strerror or str(error)


def _advice(reasons: str) -> str:
    if "connection refused" in reasons:
        return "the machine answers but nothing listens: check the port, that PostgreSQL runs, and listen_addresses"
    if "no answer" in reasons:
        return "check the host, firewalls in between, and that both machines are in the same private network"
    if "No such file" in reasons:
        return "there is no socket of a server: start the server, or check host and port in DATABASE_URL"
    return "check host and port in DATABASE_URL, and that this machine can reach it (IPv6?)"
