"""`guestsql query run --watch`, and which server reads."""

from __future__ import annotations

import codecs
import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import psycopg
import pytest

from tests.cli.shell import ROOT, invoke, spawn
from tests.databases import PATIENCE_SECONDS, Proxy

QUERIES = """\
-- name: list_ticks()
-- Where it runs, and whether it may write.
SELECT pg_backend_pid() AS pid, current_setting('transaction_read_only') AS read_only, NULL::text AS nothing;
"""
NOWHERE = "postgresql://127.0.0.1:1/nowhere"


@pytest.fixture
def shell(database_url, tmp_path):
    folder = tmp_path / "ticks"
    folder.mkdir()
    (folder / "ticks.sql").write_text(QUERIES, encoding="utf-8")
    return {"DATABASE_URL": database_url, "GUESTSQL_QUERIES_DIR": str(folder)}


@contextmanager
def watching(process):
    """A process that is killed when it does not come to its end in time, so that no line is waited for in vain."""
    guard = threading.Timer(PATIENCE_SECONDS, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def end(process):
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=PATIENCE_SECONDS)


def test_in_a_pipe_each_result_is_printed_and_ctrl_c_ends_it_well(shell):
    with watching(spawn("query", "run", "list_ticks", "--watch", "0.1", "--format", "jsonl", **shell)) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        _, errors = end(process)

    assert (process.returncode, errors) == (0, "")
    assert lines[0].endswith('"read_only": "on", "nothing": null}\n')
    assert len(set(lines)) == 1  # one connection for all


def test_csv_has_its_heading_once(shell):
    with watching(spawn("query", "run", "list_ticks", "--watch", "0.1", "--format", "csv", **shell)) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        end(process)

    assert lines[0] == "pid,read_only,nothing\n"
    assert lines[1] == lines[2] != lines[0]


@pytest.mark.direct("a pooler replaces the server's process of an idle client")
def test_a_lost_server_is_reported_and_tried_again(shell, database_url, autocommit):
    with Proxy(database_url) as proxy:
        own = {**shell, "DATABASE_URL": proxy.url}
        with watching(spawn("query", "run", "list_ticks", "--watch", "0.1", "--format", "jsonl", **own)) as process:
            first = process.stdout.readline()
            proxy.deaf = True
            autocommit.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            told = [process.stderr.readline() for _ in range(2)]
            proxy.deaf = False
            later = first
            while later == first:  # what had been printed before the loss
                later = process.stdout.readline()
            end(process)

    assert (process.returncode, later.startswith('{"pid": ')) == (0, True)
    assert all("; trying again" in line for line in told)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "told"),
    [
        (["--watch", "1"], {"DATABASE_URL": NOWHERE}, 4, "guestsql: "),
        (["--watch", "1", "--write"], {}, 2, "--watch only reads"),
        (["--watch", "0"], {}, 2, "--watch"),
    ],
)
def test_what_fails_at_once_ends_it(shell, arguments, environment, code, told):
    result = invoke("query", "run", "list_ticks", *arguments, **{**shell, **environment})

    assert (result.exit_code, result.stdout, told in result.stderr) == (code, "", True)


def test_on_a_terminal_it_is_drawn_anew(shell):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "guestsql", "query", "run", "list_ticks", "--watch", "0.1"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1", **shell},
    )
    os.close(theirs)
    shown, decoder = "", codecs.getincrementaldecoder("utf-8")()
    with watching(process):
        while shown.count("\x1b[H\x1b[2J") < 3:
            shown += decoder.decode(os.read(ours, 65536))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(ours)

    second = shown.split("\x1b[H\x1b[2J")[1]
    assert second.startswith("list_ticks, every 0.1 s, 20")
    assert "NULL" in second


def test_an_unreachable_replica_is_named_and_not_replaced(shell):
    result = invoke("query", "run", "list_ticks", DATABASE_REPLICA_URL=NOWHERE, **shell)

    assert (result.exit_code, result.stdout) == (4, "")
    assert "the replica of DATABASE_REPLICA_URL: " in result.stderr
    assert "--primary uses DATABASE_URL instead" in result.stderr
    assert invoke("query", "run", "list_ticks", "--primary", DATABASE_REPLICA_URL=NOWHERE, **shell).exit_code == 0
    wrong = invoke("query", "run", "list_ticks", DATABASE_REPLICA_URL="mysql://x", **shell)
    assert (wrong.exit_code, "DATABASE_REPLICA_URL is not a PostgreSQL address" in wrong.stderr) == (2, True)


def test_writing_never_goes_to_the_replica(shell):
    result = invoke("query", "run", "list_ticks", "--write", "--format", "jsonl", DATABASE_REPLICA_URL=NOWHERE, **shell)

    assert (result.exit_code, '"read_only": "off"' in result.stdout) == (0, True)


def test_a_password_of_the_replica_is_not_shown(shell, database_url):
    with psycopg.connect(database_url) as connection:
        port = connection.info.port
    url = f"postgresql://nobody:s3cret@127.0.0.1:{port}/nothing"
    result = invoke("query", "run", "list_ticks", DATABASE_REPLICA_URL=url, **shell)
    assert (result.exit_code, "s3cret" in result.stderr) == (4, False)
