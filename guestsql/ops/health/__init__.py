"""Health over HTTP, for a platform's healthcheck: beside a bot, or alone as `guestsql health`."""

from guestsql.ops.health.probe import Probe, Report
from guestsql.ops.health.server import HealthServer

__all__ = ["HealthServer", "Probe", "Report"]
