"""Embedded PostgreSQL: the shared default server, and private servers for tests and checks.

`EmbeddedServer` is shared: all processes with the same home use one server, and the last one to leave
stops it. `PrivateServer` belongs to one process and ends with it.

The server does not listen on a network (on Windows: on loopback, with a password). Its socket is in a
directory that only its owner can enter. PostgreSQL refuses to run as root: started by root, it runs as
`postgres` if there is such an account, else as `nobody` (`_account`), and keeps its data in a place that
this account can reach (`_places`).
"""

from guestsql.embedded._binaries import Binaries, find_binaries
from guestsql.embedded._private import PrivateServer
from guestsql.embedded._shared import EmbeddedServer, Place

__all__ = ["Binaries", "EmbeddedServer", "Place", "PrivateServer", "find_binaries"]
