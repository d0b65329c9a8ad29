"""Health over HTTP, for a platform's healthcheck: beside a bot, or alone as `guestsql health`."""

from guestsql.health.probe import Probe, Report
from guestsql.health.server import HealthServer

__all__ = ["HealthServer", "Probe", "Report"]
