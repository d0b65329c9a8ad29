"""The way back: both files written for the old bot."""

from __future__ import annotations

from guestsql.legacy.exporting.directory import ExportReport, export_directory

__all__ = ["ExportReport", "export_directory"]
