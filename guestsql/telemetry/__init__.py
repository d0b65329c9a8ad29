"""Counting, log events, spans and Prometheus figures."""
