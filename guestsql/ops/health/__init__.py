"""Health over HTTP, for a platform's health check: within a bot, or on its own as `guestsql health`."""

from guestsql.ops.health.probe import HealthReport, Probe
from guestsql.ops.health.server import HealthServer

__all__ = ["HealthReport", "HealthServer", "Probe"]
