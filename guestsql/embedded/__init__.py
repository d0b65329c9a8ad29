"""A PostgreSQL of one's own: the embedded default server, and private servers for tests and checks.

`EmbeddedServer` is shared: every process with the same home uses one server, and the last one to leave
stops it. `PrivateServer` belongs to one process and dies with it.

The server listens on no network (Windows: on loopback, with a password); its socket lies in a directory
that only its owner can enter. PostgreSQL refuses to run as root: started by root, it runs as `postgres`
where there is such an account, else as `nobody` (`_account`), and keeps its data in a place that this
account can reach (`_places`).
"""

from guestsql.embedded._binaries import Binaries, find_binaries
from guestsql.embedded._private import PrivateServer
from guestsql.embedded._shared import EmbeddedServer, Place

__all__ = ["Binaries", "EmbeddedServer", "Place", "PrivateServer", "find_binaries"]
