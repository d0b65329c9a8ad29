"""What only a terminal, a pipe or a signal brings about."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psycopg
import pytest

from tests.cli.shell import invoke, on_terminal, spawn
from tests.server import eventually

SLOW = """\
-- name: sleep_long()$
-- Longer than anybody waits.
SELECT pg_sleep(600);

-- name: count_to(number)
-- Many rows.
--   number: int, how many
SELECT n, repeat('x', 100) AS filler FROM generate_series(1, :number::int) AS s (n) ORDER BY n;

-- name: get_evil()
-- A name that would clear the screen.
SELECT E'\\x1b[2Jevil' AS name;
"""


@pytest.fixture
def shell(database_url, tmp_path):
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "slow.sql").write_text(SLOW, encoding="utf-8")
    return {"DATABASE_URL": database_url, "GUESTSQL_QUERIES_DIR": str(folder)}


def test_on_a_terminal_it_is_a_coloured_table(shell):
    seen = on_terminal("query", "list", **shell)

    assert seen.exit_code == 0
    assert "\x1b[1m" in seen.text
    assert "sleep_long" in seen.text
    assert not seen.text.startswith("[")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "0"}, {"TERM": "dumb"}])
def test_colour_is_left_out_when_it_is_not_wanted(shell, environment):
    seen = on_terminal("query", "list", **shell, **environment)

    assert "\x1b" not in seen.text
    assert "sleep_long" in seen.text


def test_an_empty_no_color_means_nothing(shell):
    assert "\x1b[1m" in on_terminal("query", "list", **shell, NO_COLOR="").text


def test_a_pipe_gets_no_colour_even_as_a_table(shell):
    shown, _ = spawn("query", "list", "--format", "table", FORCE_COLOR="1", **shell).communicate(timeout=30)

    assert "sleep_long" in shown
    assert "\x1b" not in shown


def test_values_cannot_steer_the_terminal(shell):
    assert "\x1b[2J" not in on_terminal("query", "run", "get_evil", **shell).text


def test_a_question_is_asked_on_a_terminal(database_url):
    invoke("guest", "context", "573000000001", DATABASE_URL=database_url)
    refused = on_terminal("guest", "forget", "573000000001", answer="n\n", DATABASE_URL=database_url)
    assert refused.exit_code == 1
    assert "nothing was done" in refused.text
    assert "Erase all that is stored about 573000000001?" in refused.text
    assert invoke("guest", "show", "573000000001", DATABASE_URL=database_url).exit_code == 0

    agreed = on_terminal("guest", "forget", "573000000001", answer="y\n", DATABASE_URL=database_url)
    assert agreed.exit_code == 0
    assert invoke("guest", "show", "573000000001", DATABASE_URL=database_url).exit_code == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", ["jsonl", "table"])
def test_a_closed_pipe_ends_it_quietly(shell, name, unbuffered):
    arguments = ("query", "run", "count_to", "-p", "number=4000", "--format", name)
    with spawn(*arguments, **shell, PYTHONUNBUFFERED=unbuffered) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() != ""
        process.stdout.close()

        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_a_full_disk_is_an_error(shell):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = spawn("query", "run", "get_evil", "--format", "table", to=full.fileno(), **shell)
        complaints = process.communicate(timeout=30)[1]

    assert (process.returncode, complaints) == (
        1,
        "guestsql: the output is not complete: No space left on device\n",
    )


def test_a_closed_stderr_ends_it_quietly(shell):
    with spawn("query", "run", "count_to", **shell) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()

        assert process.stdout.read() == ""
        assert process.wait() == 141


def test_the_end_of_input_is_no_answer(database_url):
    seen = on_terminal("guest", "forget", "573000000001", answer="\x04", DATABASE_URL=database_url)

    assert seen.exit_code == 130
    assert "Traceback" not in seen.text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_quietly(shell, autocommit: psycopg.Connection, number, code):
    process = spawn("query", "run", "sleep_long", "--timeout", "600", **shell)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    while autocommit.execute(sleeping).fetchone() == (0,):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    shown, complaints = process.communicate(timeout=30)

    assert (process.returncode, shown, complaints.strip()) == (code, "", "")
    eventually(lambda: autocommit.execute(sleeping).fetchone() == (0,))  # nor does it go on on the server


def test_an_encoding_that_lacks_a_character_gets_an_escape(shell):
    process = spawn("guest", "context", "573000000001", PYTHONIOENCODING="ascii", DATABASE_URL=shell["DATABASE_URL"])

    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0
