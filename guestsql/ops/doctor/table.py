"""All checks, in the order in which they run."""

from __future__ import annotations

from guestsql.ops.doctor import environment, erasures, load, login, network, pooler, schema, server
from guestsql.ops.doctor.diagnosis import Check

__all__ = ["CHECKS"]

_LOGIN = ("login",)

CHECKS = (
    Check("settings", environment.settings),
    Check("unknown variables", environment.unknown_variables),
    Check("own numbers", environment.own_numbers, is_of_guests=True),
    Check("query files", environment.query_files),
    Check("overrides", environment.overrides, ("query files",), is_of_guests=True),
    Check("embedded server", environment.embedded),
    Check("address", environment.address, ("embedded server",)),
    Check("dns", network.dns, ("address",)),
    Check("port", network.port, ("dns",)),
    Check("tls", network.tls, ("port",)),
    Check("login", login.login, ("tls",)),
    Check("version", server.version, _LOGIN),
    Check("writable", server.writable, _LOGIN),
    Check("pooler", pooler.pooler, _LOGIN),
    Check("direct address", login.direct, ("address",)),
    Check("replica", login.replica, ("address",)),
    Check("clock", server.clock, _LOGIN),
    Check("connections", server.connections, _LOGIN),
    Check("migrations", schema.migrations, ("login", "direct address")),
    Check("permission", schema.permission, _LOGIN, is_of_guests=True),
    Check("extension", schema.extension, _LOGIN, is_of_guests=True),
    Check("indexes", schema.indexes, _LOGIN),
    Check("slow queries", load.slow_queries, _LOGIN, is_of_guests=True),
    Check("statistics", load.statistics, _LOGIN),
    Check("future times", load.future_times, _LOGIN, is_of_guests=True),
    Check("messages", load.messages, _LOGIN, is_of_guests=True),
    Check("replies", load.replies, _LOGIN, is_of_guests=True),
    Check("contact rules", load.contact_rules, _LOGIN, is_of_guests=True),
    Check("erasures", erasures.erasures, _LOGIN, is_of_guests=True),
    Check("two spellings", load.two_spellings, _LOGIN, is_of_guests=True),
    Check("sessions", load.sessions, _LOGIN),
    Check("wraparound", load.wraparound, _LOGIN),
    Check("disk", server.disk, _LOGIN),
)
