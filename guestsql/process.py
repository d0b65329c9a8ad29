"""What belongs to one process: renewed in a forked child, and finished when a worker of multiprocessing ends.

A forked child gets a copy of everything: sockets of the same sessions, buffers that the parent writes as well, locks
whose holders and timers whose threads are not there. Every object that has one of these registers a method here.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["at_worker_end", "detach_socket", "in_forked_child"]

T = TypeVar("T")

_renewals: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()
_at_worker_end: set[Callable[[], object]] = set()


def in_forked_child(thing: T, renew: Callable[[T], object]) -> None:
    """Have an object renewed in every forked child, before any other code runs there.

    Args:
        thing: the object; only a weak reference is kept.
        renew: its method, one for each object. It must take no lock that existed before.
    """
    _renewals[thing] = renew


def _renew_all() -> None:
    _at_worker_end.clear()
    # References to all: an object that another one drops must not be deleted before it is renewed.
    things = list(_renewals.items())
    with ExitStack() as stack:  # what one of them raises does not keep the others from being called
        for thing, renew in things:
            stack.callback(renew, thing)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_all)


def detach_socket(fileno: int) -> None:
    """Replace an inherited socket by one that is not connected.

    The parent's connection is left alone: nothing is sent on it. The number stays in use, since libpq knows the socket
    by it: a file that got the same number would be written to.

    Args:
        fileno: the file descriptor.
    """
    os.close(fileno)  # first: at the limit of open files this makes room
    unconnected = socket.socket(socket.AF_UNIX)
    if unconnected.fileno() != fileno:
        os.dup2(unconnected.fileno(), fileno, inheritable=False)
        unconnected.close()
    else:
        unconnected.detach()


def at_worker_end(call: Callable[[], object], *, priority: int) -> None:
    """Have a function called at the end of this process if multiprocessing started it: that ends it without atexit.

    Args:
        call: a function; registering it again changes nothing.
        priority: what is higher is called first, 0 or more.
    """
    if call in _at_worker_end or "multiprocessing.util" not in sys.modules:
        return
    from multiprocessing import parent_process, util  # noqa: PLC0415  most programs do not need it

    if parent_process() is not None:
        _at_worker_end.add(call)
        util.Finalize(None, call, exitpriority=priority)
