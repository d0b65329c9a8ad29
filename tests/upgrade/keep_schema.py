"""Keeps the database of a release for tests/upgrade/test_releases.py: `python -m tests.upgrade.keep_schema CHECKOUT`.

The release's own code makes it, with a few rows. Run this once for each release, with a checkout of its tag.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import LiteralString

import psycopg

from tests.server import private_server
from tests.upgrade.dumps import run_program

SCHEMAS = Path(__file__).parent / "schemas"
# From which migration on there are such rows.
_ROWS: dict[int, LiteralString] = {
    1: """
INSERT INTO guest_profiles (
    phone_number, chat_id, user_name, labels, thread_id, thread_tokens, total_interactions, first_interaction,
    last_interaction, profile_data, context_cache, last_context_update
)
VALUES
(
    '573000000001', '573000000001@s.whatsapp.net', 'Ana', '{VIP}', 'thread_1', 100, 5, '2025-01-01 12:00+00',
    '2025-06-01 12:00+00', '{"legacy": {"threads.json": {"key": {"previousThreads": ["thread_0"]}}}}', '[Ana]',
    '2025-06-01 12:00+00'
),
('5215512345678', NULL, 'Luz', '{}', NULL, 0, 0, NULL, NULL, '{}', NULL, NULL),
('123456789012345@lid', NULL, 'Leo', '{}', NULL, 0, 1, '2025-01-01 12:00+00', '2025-01-01 12:00+00', '{}', NULL, NULL)
""",
    2: """
INSERT INTO historical_clients (
    phone_number, user_name, total_interactions, last_interaction, booking_status, archived_at
)
VALUES ('573000000002', 'Eva', 3, '2024-01-01 12:00+00', 'booked', '2024-06-01 12:00+00')
""",
    16: "INSERT INTO operations (source, operation_id) VALUES ('guestsql', 'operation_1')",
    21: """
INSERT INTO messages (sent_at, gateway, message_id, phone_number, direction, tokens)
VALUES ('2025-06-01 12:00+00', 'whatsapp', 'message_1', '573000000001', 'in', 100)
""",
}


def keep_schema(checkout: Path) -> Path:
    """Write the dump of a database that the code of a checkout has migrated; returns the file."""
    last = max(int(file.name[:4]) for file in (checkout / "migrations").glob("[0-9]*.sql"))
    with private_server() as server:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GUESTSQL_", "DATABASE_"))}
        subprocess.run(
            [sys.executable, "-m", "guestsql", "migrate", "up"],
            cwd=checkout,
            env={**kept, "PYTHONPATH": str(checkout), "DATABASE_URL": server.url()},
            check=True,
        )
        with psycopg.connect(server.url()) as connection:
            for version, rows in _ROWS.items():
                if version <= last:
                    connection.execute(rows)
        options = ["--no-owner", "--no-privileges", "--inserts", "--no-comments"]
        dump = run_program("pg_dump", *options, server.url())
    file = SCHEMAS / f"{last:04d}.sql"
    # Only what a client executes: no comments, no commands of psql, no settings that older servers do not know.
    ignored = ("--", "\\", "SET transaction_timeout")
    kept_lines = [line for line in dump.split("\n") if not line.startswith(ignored)]
    file.write_bytes(re.sub(r"\n{3,}", "\n\n", "\n".join(kept_lines) + "\n").encode())
    return file


if __name__ == "__main__":
    sys.stdout.write(f"{keep_schema(Path(sys.argv[1]))}\n")
