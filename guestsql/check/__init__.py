"""`guestsql check`: every query file vetted against a real server before a bot meets it."""

from guestsql.check.finding import Finding
from guestsql.check.report import as_github, as_json, as_text
from guestsql.check.rules import RULES, read_page
from guestsql.check.run import CheckReport, Vet, check_files
from guestsql.check.scratch import scratch_database

__all__ = [
    "RULES",
    "CheckReport",
    "Finding",
    "Vet",
    "as_github",
    "as_json",
    "as_text",
    "check_files",
    "read_page",
    "scratch_database",
]
