"""Every check, in the order in which they are tried."""

from __future__ import annotations

from guestsql.ops.doctor import environment, load, login, network, schema, server
from guestsql.ops.doctor.finding import Check

__all__ = ["CHECKS"]

_IN = ("login",)

CHECKS = (
    Check("settings", environment.settings),
    Check("unknown variables", environment.unknown_variables),
    Check("own numbers", environment.own_numbers),
    Check("query files", environment.query_files),
    Check("embedded server", environment.embedded),
    Check("address", environment.address, ("embedded server",)),
    Check("dns", network.dns, ("address",)),
    Check("port", network.port, ("dns",)),
    Check("tls", network.tls, ("port",)),
    Check("login", login.login, ("tls",)),
    Check("version", server.version, _IN),
    Check("writable", server.writable, _IN),
    Check("pooler", login.pooler, _IN),
    Check("direct address", login.direct, ("address",)),
    Check("replica", login.replica, ("address",)),
    Check("clock", server.clock, _IN),
    Check("connections", server.connections, _IN),
    Check("migrations", schema.migrations, ("login", "direct address")),
    Check("permission", schema.permission, _IN),
    Check("extension", schema.extension, _IN),
    Check("indexes", schema.indexes, _IN),
    Check("slow queries", load.slow_queries, _IN),
    Check("statistics", load.statistics, _IN),
    Check("future times", load.future_times, _IN),
    Check("sessions", load.sessions, _IN),
    Check("wraparound", load.wraparound, _IN),
    Check("disk", server.disk, _IN),
)
