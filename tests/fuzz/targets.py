"""What is fuzzed: tests that generate examples, and how the cases of the long form are shared among them."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """One target.

    Attributes:
        name: as in the report.
        share: its part of all cases, in ten-thousandths.
        tests: what pytest runs; of a file, only the tests that generate examples.
    """

    name: str
    share: int
    tests: tuple[str, ...]


_READING = ("read", "pairs", "text", "times", "verify_read")
_IMPORTING = (
    "export.py::test_an_export_is_a_fixed_point",
    "import.py::test_whatever_the_files_hold",
    "import_damage.py",
    "import_merge.py::test_the_queries_come_to_what_the_records_say_one_by_one",
    "members.py",
    "rejects.py::test_after_any_damage_no_byte_is_lost",
)

TARGETS = (
    Target(
        "scanner and the server's parser", 1000, ("tests/db/test_scanner_server.py", "tests/fuzz/test_statements.py")
    ),
    Target("query files: name lines, marks", 600, ("tests/fuzz/test_query_files.py", "tests/unit/test_head.py")),
    Target(
        "pieces of statements, migrations", 600, ("tests/unit/test_pieces.py", "tests/unit/test_migration_files.py")
    ),
    Target("ids", 4000, ("tests/unit/test_identity.py",)),
    Target("ids, in lists, and the server", 20, ("tests/db/test_key_check.py", "tests/db/test_user_ids.py")),
    Target("legacy reader", 2000, tuple(f"tests/unit/test_legacy_{each}.py" for each in _READING)),
    Target("legacy files, imported", 10, tuple(f"tests/db/test_legacy_{each}" for each in _IMPORTING)),
    Target("settings", 400, ("tests/fuzz/test_settings.py",)),
    Target("shell parameters", 200, ("tests/fuzz/test_shell_parameters.py", "tests/adhoc/test_values.py")),
    Target("HTTP: pages, health", 300, ("tests/fuzz/test_http.py",)),
    Target("webhook payloads", 250, ("tests/fuzz/test_webhooks.py",)),
    Target(
        "values, buffers",
        580,
        ("tests/unit/test_values.py", "tests/unit/test_pending.py", "tests/unit/test_counting.py"),
    ),
    Target("charts", 10, ("tests/charts/test_specification.py",)),
    Target(
        "contact rules, masks, days",
        10,
        ("tests/db/test_contact_rules.py", "tests/db/test_roles.py", "tests/db/test_monitoring_days.py"),
    ),
    Target("machine: ids, links, merges", 5, ("tests/db/test_ids_machine.py",)),
    Target("machine: guests, threads, contexts, messages", 10, ("tests/db/test_guests_machine.py",)),
    Target("machine: campaigns", 5, ("tests/db/test_campaigns_machine.py",)),
)
