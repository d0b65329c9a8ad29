"""Gauges from named queries: a `metrics:` line in its comment makes a query a metric, by the types of its columns."""

from guestsql.ops.gauges.convention import Column, GaugeQuery, Sample, find_gauges, read_samples
from guestsql.ops.gauges.scrape import Answer, Scrape, Scraper

__all__ = [
    "Answer",
    "Column",
    "GaugeQuery",
    "Sample",
    "Scrape",
    "Scraper",
    "find_gauges",
    "read_samples",
]
