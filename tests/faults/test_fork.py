"""A forked child: an open database behaves there as if it had been made there, and the parent notices nothing."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from guestsql import Settings
from guestsql.migrate import Runner
from tests.databases import GUEST, Program, waiting_sessions
from tests.server import eventually, reachable_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

Connection = psycopg.Connection[Any]
NEVER, AT_ONCE = "3600", "0.01"

HEAD = """
import asyncio, gc, multiprocessing, os, signal, sys, threading, time, warnings
from pathlib import Path
from guestsql import AsyncGuestDatabase, GuestDatabase, Settings
from guestsql.errors import DatabaseUnavailable, WrongEventLoop

warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)  # from Python 3.12 on
GUEST = "573000000001"
GUESTS = [f"57300000{number:04}" for number in range(1, 21)]

def settings(**known):
    never = {"metrics_seconds": 0, "flush_seconds": float(sys.argv[2]), "deadline_seconds": 30}
    return Settings(**{"database_url": sys.argv[1], **never, **known})

def say(*words):
    print(*words, flush=True)

def fork(work, leave=sys.exit):
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            import traceback
            traceback.print_exc()
            os._exit(99)
        leave(0)
    return child

def pause():
    # signal.pause() waits for another signal if one arrives just before the call.
    while True:
        time.sleep(0.02)

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def ask(rounds=8):
    for _ in range(rounds):
        for guest in GUESTS:
            assert db.get_profile(guest).phone_number == guest
            assert guest in db.get_context(guest)

db = GuestDatabase(settings=settings(), context_builder=lambda profile: f"text of {profile.phone_number}")
"""
FILLED = """
for guest in GUESTS:
    db.update_profile(guest, user_name=guest)
"""


def total(connection: Connection, key: str = GUEST) -> int:
    row = connection.execute("SELECT total_interactions FROM guest_profiles WHERE phone_number = %s", [key]).fetchone()
    return 0 if row is None else int(row[0])


def sessions(connection: Connection) -> set[int]:
    found = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'guestsql'"
        " AND backend_type = 'client backend'"
    )
    return {row[0] for row in found}


def finish(program: Program, expected: int = 0) -> None:
    code, errors = program.wait()
    assert (code, errors) == (expected, "")


# -- rows and sessions ---------------------------------------------------------------------------------------------

WORKERS = {
    "opened before": "",
    "only made before": "db = GuestDatabase(settings=settings(), context_builder=lambda p: f'of {p.phone_number}')",
    "from a thread": "fork_here = fork\n"
    "def fork(work):\n"
    "    found = []\n"
    "    thread = threading.Thread(target=lambda: found.append(fork_here(work, os._exit)))\n"
    "    thread.start(); thread.join()\n"
    "    return found[0]\n",
}


@pytest.mark.parametrize("how", WORKERS)
def test_every_worker_reads_the_guest_it_asked_for(how: str, database_url: str) -> None:
    """As a server with preloaded workers: the database is opened in the parent, and used by all of them at once."""
    source = HEAD + FILLED + WORKERS[how] + "\nchildren = [fork(ask) for _ in range(3)]\nask()\n"
    with Program(source + "assert [code(each) for each in children] == [0, 0, 0]", database_url, NEVER) as program:
        finish(program)


BUSY = """
stop = threading.Event()
def work():
    while not stop.is_set():
        ask(1)
        db.record_interaction(GUEST)
        db.flush()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(3):
    assert code(fork(lambda: ask(1))) == 0
stop.set()
for thread in threads:
    thread.join()
db.close()
"""


def test_a_fork_while_other_threads_are_inside_calls(database_url: str) -> None:
    with Program(HEAD + FILLED + BUSY, database_url, NEVER) as program:
        finish(program)


def test_a_childs_child(database_url: str) -> None:
    source = HEAD + FILLED
    source += "def both():\n    child = fork(ask, os._exit)\n    ask()\n    assert code(child) == 0\n"
    source += "def three():\n    child = fork(both, os._exit)\n    ask()\n    assert code(child) == 0\n"
    with Program(source + "child = fork(three)\nask()\nassert code(child) == 0", database_url, NEVER) as program:
        finish(program)


@pytest.mark.direct("a pooler keeps its sessions")
@pytest.mark.parametrize("leave", ["sys.exit", "os._exit"])
def test_the_parents_sessions_survive_its_children(leave: str, database_url: str, autocommit: Connection) -> None:
    # One connection: a pool that may have more is still making its second one when the first calls are done.
    source = (
        HEAD + "db = GuestDatabase(settings=settings(pool_max=1), context_builder=lambda p: p.phone_number)" + FILLED
    )
    source += f"say('ready'); sys.stdin.readline(); assert code(fork(lambda: None, {leave})) == 0\n"
    source += f"assert code(fork(lambda: (gc.collect(), ask(1), db.close()), {leave})) == 0\n"
    source += "say('forked'); sys.stdin.readline(); db.close()"
    with Program(source, database_url, NEVER) as program:
        assert program.line() == "ready"
        before = sessions(autocommit)
        program.send()
        assert program.line() == "forked"
        assert before
        eventually(lambda: sessions(autocommit) == before)
        program.send()
        finish(program)
        eventually(lambda: not sessions(autocommit))


@pytest.mark.direct("a pooler keeps its sessions")
def test_a_child_keeps_no_session_of_a_killed_parent_alive(database_url: str, autocommit: Connection) -> None:
    source = HEAD + FILLED + "child = fork(lambda: (say('ready'), pause()))\nos.wait()"
    with Program(source, database_url, NEVER) as program:
        assert program.line() == "ready"
        assert sessions(autocommit)
        program.process.kill()
        eventually(lambda: not sessions(autocommit))


def test_a_child_keeps_no_unfinished_connection_of_a_killed_parent_alive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgresql://guest@127.0.0.1:{listener.getsockname()[1]}/hotel?sslmode=disable&gssencmode=disable"
        source = HEAD + "db.open()\nsys.stdin.readline()\nfork(lambda: (say('ready'), pause()))\nos.wait()"
        with Program(source, url, NEVER) as program:
            client, _ = listener.accept()
            with client:
                client.settimeout(30)
                assert client.recv(4096)  # the server never answers this
                program.send()
                assert program.line() == "ready"
                program.process.kill()
                assert client.recv(4096) == b""


@pytest.mark.direct("a pooler keeps its sessions")
def test_a_child_at_the_limit_of_open_files_drops_the_sockets(database_url: str, autocommit: Connection) -> None:
    source = HEAD + FILLED
    source += """
import resource
def full():
    say("ready")
    pause()
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))
kept = []
try:
    while True:
        kept.append(os.dup(0))
except OSError:
    pass
fork(full)
os.wait()
"""
    with Program(source, database_url, NEVER) as program:
        assert program.line() == "ready"
        program.process.kill()
        eventually(lambda: not sessions(autocommit))


@pytest.mark.direct("a pooler keeps its sessions")
def test_the_parent_closes_while_the_child_works(database_url: str, autocommit: Connection) -> None:
    source = HEAD + FILLED
    source += """
readable, writable = os.pipe()
say("opened")
sys.stdin.readline()
def work():
    ask(1)
    os.read(readable, 1)
    ask(1)
    db.record_interaction(GUEST)
child = fork(work)
db.close()
say("closed")
sys.stdin.readline()
os.write(writable, b"x")
assert code(child) == 0
"""
    with Program(source, database_url, NEVER) as program:
        assert program.line() == "opened"
        parents = sessions(autocommit)
        program.send()
        assert program.line() == "closed"
        eventually(lambda: not sessions(autocommit) & parents)
        program.send()
        finish(program)
    assert total(autocommit) == 1


def test_a_call_that_forks_in_its_own_builder_ends_with_an_error_in_the_child(database_url: str) -> None:
    """The child returns into a call that the parent began, and continues there too."""
    source = HEAD
    source += """
parent = os.getpid()
def build(profile):
    os.fork()
    return "text"
db = GuestDatabase(settings=settings(), context_builder=build)
try:
    assert db.get_context(GUEST) == "text" and os.getpid() == parent
except DatabaseUnavailable:
    assert os.getpid() != parent
    assert db.get_profile(GUEST).phone_number == GUEST
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert db.get_profile(GUEST).phone_number == GUEST
"""
    with Program(source, database_url, NEVER) as program:
        assert program.wait()[0] == 0


# -- locks ---------------------------------------------------------------------------------------------------------

LOCKED = """
import threading
made, allocate = [], threading.Lock
def recorded():
    lock = allocate()
    made.append(lock)
    return lock
threading.Lock = recorded
"""
HOLDING = """
for guest in GUESTS:
    db.update_profile(guest, user_name=guest)
db.record_interaction(GUEST)
known = list(made)  # not those of what follows
taken, held, done = [], threading.Event(), threading.Event()
def hold():
    taken.extend(lock for lock in known if lock.acquire(timeout=0.2))
    held.set()
    done.wait()
    for lock in taken:
        lock.release()
holder = threading.Thread(target=hold)
holder.start()
held.wait()
def work():
    for kind in (db, other):
        kind.record_interaction(GUEST)
        assert kind.flush() == 1
        assert kind.get_context(GUEST)
        assert list(kind.figures().queries)
        kind.close()
assert len(taken) > 20, len(taken)
child = fork(work)
done.set()
holder.join()
assert code(child) == 0
db.close()
"""


def test_a_fork_while_another_thread_holds_every_lock(database_url: str, autocommit: Connection) -> None:
    source = LOCKED + HEAD + "other = GuestDatabase(settings=settings(metrics_seconds=3600))\n" + HOLDING
    with Program(source, database_url, NEVER) as program:
        finish(program)
    assert total(autocommit) == 3


# -- buffers, counters and timers ----------------------------------------------------------------------------------


def test_a_child_that_leaves_the_with_block_writes_only_its_own(database_url: str, autocommit: Connection) -> None:
    source = HEAD
    source += """
with GuestDatabase(settings=settings()) as db:
    db.get_profile(GUEST)
    db.record_interaction(GUEST)
    if (first := os.fork()) == 0:
        sys.exit(0)
    if (second := os.fork()) == 0:
        db.record_interaction(GUEST)
        db.record_interaction(GUEST)
        sys.exit(0)
    assert code(first) == code(second) == 0
"""
    with Program(source, database_url, NEVER) as program:
        finish(program)
    assert total(autocommit) == 3


ENDINGS = {
    "exit without close": ("fork(work)", 4),
    "_exit": ("fork(work, os._exit)", 1),
    "SIGTERM": ("fork(lambda: (work(), os.kill(os.getpid(), signal.SIGTERM), pause()))", 4),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_child_recorded_is_written_at_its_end(ending: str, database_url: str, autocommit: Connection) -> None:
    forked, expected = ENDINGS[ending]
    source = HEAD + "db.record_interaction(GUEST)\n"
    source += "def work():\n    for _ in range(3):\n        db.record_interaction(GUEST)\n"
    source += f"say(code({forked}))\nsys.stdin.readline()"
    with Program(source.replace("except BaseException", "except Exception"), database_url, NEVER) as program:
        assert program.line() == ("143" if ending == "SIGTERM" else "0")
        assert total(autocommit) == expected - 1
        program.send()
        finish(program)
    assert total(autocommit) == expected


DAEMON = """
db.record_interaction(GUEST)
db.flush()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(5):
            db.record_interaction(GUEST)
        say("works")
        pause()
    os._exit(0)
os.wait()
os._exit(0)
"""


@pytest.mark.direct("a pooler keeps its sessions")
@pytest.mark.parametrize("flush_seconds", [AT_ONCE, NEVER])
def test_a_daemon_flushes_on_its_timer_and_on_sigterm(
    flush_seconds: str, database_url: str, autocommit: Connection
) -> None:
    source = HEAD + DAEMON.replace('say("works")', "say(os.getpid())")
    with Program(source, database_url, flush_seconds) as program:
        daemon = int(program.line())
        if flush_seconds == NEVER:
            assert total(autocommit) == 1
            os.kill(daemon, signal.SIGTERM)
        eventually(lambda: total(autocommit) == 6)
        if flush_seconds == AT_ONCE:
            os.kill(daemon, signal.SIGKILL)
        finish(program)
    eventually(lambda: not sessions(autocommit))


def test_a_child_leaves_what_its_parent_is_just_writing(database_url: str, autocommit: Connection) -> None:
    autocommit.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
    source = HEAD + "db.record_interaction(GUEST)\nsays = sys.stdin.readline\n"
    source += "says()\nchild = fork(lambda: None)\nsay(code(child))\nsays()\ndb.close()"
    with psycopg.connect(database_url) as holder, ExitStack() as stack:
        holder.execute("SELECT FROM guest_profiles FOR UPDATE")
        program = stack.enter_context(Program(source, database_url, AT_ONCE))
        eventually(lambda: waiting_sessions(autocommit) == 1)
        program.send()
        assert program.line() == "0"
        assert waiting_sessions(autocommit) == 1
        holder.rollback()
        program.send()
        finish(program)
    assert total(autocommit) == 1


PRELOADED = """
def serve(number, acknowledged):
    for _ in range(10):
        for guest in GUESTS:
            db.record_interaction(guest)
            os.write(acknowledged, b"x")
        assert db.add_thread_tokens(GUESTS[number], f"thread_{number}", 1) > 0
    db.get_profile(GUEST)
    if number == 0:
        db.close()
    elif number == 1:
        os.kill(os.getpid(), signal.SIGTERM)
        pause()
for guest in GUESTS:
    db.record_interaction(guest)
readable, writable = os.pipe()
stop = threading.Event()
def record():
    while not stop.wait(0.001):
        db.record_interaction(GUEST)
        os.write(writable, b"x")
threads = [threading.Thread(target=record) for _ in range(2)]
for thread in threads:
    thread.start()
workers = [fork(lambda: serve(number, writable)) for number in range(3)]
counted = len(GUESTS)
while True:
    ended, _ = os.waitpid(-1, os.WNOHANG) if workers else (0, 0)
    if ended:
        workers.remove(ended)
    elif not workers:
        break
    counted += len(os.read(readable, 65536))
stop.set()
for thread in threads:
    thread.join()
os.close(writable)
while rest := os.read(readable, 65536):
    counted += len(rest)
db.close()
say(counted)
"""


def test_every_interaction_that_a_worker_or_its_parent_recorded_counts_once(
    database_url: str, autocommit: Connection
) -> None:
    source = HEAD.replace("except BaseException", "except Exception") + PRELOADED
    with Program(source, database_url, AT_ONCE) as program:
        recorded = int(program.line())
        finish(program)
    row = autocommit.execute("SELECT sum(total_interactions)::int FROM guest_profiles").fetchone()
    tokens = autocommit.execute("SELECT thread_tokens FROM guest_profiles WHERE thread_tokens > 0").fetchall()
    assert row == (recorded,)
    assert tokens == [(10,)] * 3


MULTIPROCESSING = {
    "Process": "child = context.Process(target=work)\nchild.start()\nchild.join()\nassert child.exitcode == 0",
    "Pool": "with context.Pool(1) as pool:\n    pool.apply(work)\n    pool.close()\n    pool.join()",
    "terminated": """
ready = context.Event()
child = context.Process(target=lambda: (work(), ready.set(), pause()))
child.start()
ready.wait()
child.terminate()
child.join()
assert child.exitcode == 143, child.exitcode
""",
    "child of a child": """
def both():
    child = os.fork()
    work()
    if child:
        os.waitpid(child, 0)
child = context.Process(target=both)
child.start()
child.join()
assert child.exitcode == 0
""",
}


@pytest.mark.parametrize("how", MULTIPROCESSING)
def test_workers_of_multiprocessing_write_what_they_recorded(
    how: str, database_url: str, autocommit: Connection
) -> None:
    source = HEAD + "db.record_interaction(GUEST)\ncontext = multiprocessing.get_context('fork')\n"
    source += "def work():\n    db.get_profile(GUEST)\n    db.record_interaction(GUEST)\n"
    with Program(source + MULTIPROCESSING[how], database_url, NEVER) as program:
        finish(program)
    assert total(autocommit) == (3 if how == "child of a child" else 2)


def test_figures_begin_at_zero_in_a_child_and_are_written_once(database_url: str, autocommit: Connection) -> None:
    source = HEAD
    source += """
db = GuestDatabase(settings=settings(metrics_seconds=3600))
for _ in range(3):
    db.get_profile(GUEST)
def work():
    assert not db.figures().queries
    db.get_profile(GUEST)
    assert db.figures().queries["get_profile"].calls == 1
assert code(fork(work)) == 0
db.close()
"""
    with Program(source, database_url, NEVER) as program:
        finish(program)
    row = autocommit.execute("SELECT sum(calls) FROM query_minutes WHERE query = 'get_profile'").fetchone()
    processes = autocommit.execute("SELECT count(DISTINCT process) FROM process_minutes").fetchone()
    assert (row, processes) == ((4,), (2,))


def test_figures_are_written_on_a_childs_own_timer(database_url: str, autocommit: Connection) -> None:
    source = HEAD + "db = GuestDatabase(settings=settings(metrics_seconds=0.01))\ndb.get_profile(GUEST)\n"
    source += "child = fork(lambda: (db.get_profile(GUEST), say(os.getpid()), sys.stdin.readline()))\ncode(child)"
    statement = "SELECT count(*) FROM process_minutes WHERE process LIKE %s"
    with Program(source, database_url, NEVER) as program:
        process = f"%:{program.line()}"
        eventually(lambda: autocommit.execute(statement, [process]).fetchone() == (1,))
        program.send()
        finish(program)


def test_a_child_takes_up_edited_queries(database_url: str, tmp_path: Path) -> None:
    own = tmp_path / "own.sql"
    own.write_text("-- name: get_number()$\nSELECT 1;\n")
    source = HEAD
    source += """
db = GuestDatabase(settings=settings(queries_dir=Path(sys.argv[3]), reload_seconds=0.01))
assert db.queries.get_number() == 1
def work():
    assert db.queries.get_number() == 1
    say("ready")
    while db.queries.get_number() != 2:
        pass
assert code(fork(work)) == 0
"""
    with Program(source, database_url, NEVER, str(tmp_path)) as program:
        assert program.line() == "ready"
        edited = tmp_path / "edited"
        edited.write_text("-- name: get_number()$\nSELECT 2;\n")
        edited.replace(own)
        finish(program)


# -- the async class -----------------------------------------------------------------------------------------------

ASYNC = {
    "opened before": """
async def main():
    async with AsyncGuestDatabase(settings=settings()) as db:
        await db.record_interaction(GUEST)
        child = fork(lambda: refused(db), os._exit)
        assert await asyncio.to_thread(code, child) == 0
        await db.get_profile(GUEST)
def refused(db):
    async def calls():
        for call in (db.get_profile, db.get_context, db.record_interaction, db.add_labels):
            try:
                await call(GUEST, *([["VIP"]] if call == db.add_labels else []))
            except WrongEventLoop:
                continue
            raise AssertionError(call)
        try:
            await db.queries.get_profile(phone_number=GUEST)
        except WrongEventLoop:
            await db.close()
            await db.open()
            assert await db.get_profile(GUEST) is None
            await db.close()
    thread = threading.Thread(target=asyncio.run, args=[calls()])  # the main thread's loop is the parent's
    thread.start()
    thread.join()
asyncio.run(main())
""",
    "inside the coroutine": """
async def main():
    db = AsyncGuestDatabase(settings=settings())
    try:
        async with db:
            await db.record_interaction(GUEST)
            child = os.fork()
            if child == 0:
                for call in (db.get_profile, db.get_context, db.record_interaction):
                    try:
                        await call(GUEST)
                    except WrongEventLoop:
                        continue
                    os._exit(98)
                raise SystemExit(0)
            assert await asyncio.to_thread(code, child) == 0
    except SystemExit:
        os._exit(0)
asyncio.run(main())
""",
    "only made before": """
db = AsyncGuestDatabase(settings=settings())
async def main():
    async with db:
        await db.record_interaction(GUEST)
        assert await db.get_context(GUEST, default="") is not None
child = fork(lambda: asyncio.run(main()))
assert code(child) == 0
""",
}


@pytest.mark.parametrize("how", ASYNC)
def test_an_async_database_belongs_to_the_loop_that_opened_it(
    how: str, database_url: str, autocommit: Connection
) -> None:
    with Program(HEAD + ASYNC[how], database_url, NEVER) as program:
        finish(program)
    assert total(autocommit) == 1


# -- servers -------------------------------------------------------------------------------------------------------

EMBEDDED = """
from guestsql.embedded import EmbeddedServer
from guestsql.migrate import Runner
home = Path(sys.argv[1])
known = settings(database_url=None, home=home)
with EmbeddedServer(home, known.pg_bin) as url:
    Runner(known, url=url).up()
    if (child := os.fork()) == 0:
        sys.exit(0)  # leaves the block: the server is the parent's
    assert code(child) == 0
    db = GuestDatabase(settings=known)
    db.record_interaction(GUEST)

joined, closed = os.pipe(), os.pipe()
def work():
    db.record_interaction(GUEST)
    db.flush()
    os.write(joined[1], b"x")
    os.read(closed[0], 1)
    say(db.get_profile(GUEST).total_interactions)
if sys.argv[3] == "Process":
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    pid = child.pid
else:
    pid = fork(work)
os.read(joined[0], 1)
db.close()
say("closed")
sys.stdin.readline()
os.write(closed[1], b"x")
code(pid)
"""


@pytest.mark.parametrize("how", ["fork", "Process"])
def test_a_child_joins_the_embedded_server_itself(how: str) -> None:
    with reachable_folder() as home, Program(HEAD + EMBEDDED, str(home), NEVER, how) as program:
        assert program.line() == "closed"
        assert list(home.glob("postgres-*/data/postmaster.pid"))
        program.send()
        assert program.line() == "2"
        finish(program)
        assert not list(home.glob("postgres-*/data/postmaster.pid"))


def test_a_child_does_not_end_a_private_server() -> None:
    with reachable_folder() as folder:
        source = HEAD
        source += """
from guestsql.embedded import PrivateServer
with PrivateServer(Path(sys.argv[1]) / "own") as server:
    if (child := os.fork()) == 0:
        server.stop()
        assert server.url()
        sys.exit(0)
    assert code(child) == 0
    import psycopg
    psycopg.connect(server.url()).close()
"""
        with Program(source, str(folder), NEVER) as program:
            finish(program)


HEALTH = """
import http.client, socket
from guestsql.ops.gauges.exposition import GaugeServer
from guestsql.ops.gauges.scrape import Scraper
from guestsql.ops.health import HealthServer, Probe
probe = Probe(settings(), seconds=30, pause=0)
asking, done = threading.Event(), threading.Event()
report = probe._report
def slow():
    asking.set()
    done.wait()
    return report()
assert probe.check().database == "ok"
probe._report = slow
server = HealthServer(probe.check, 0, "127.0.0.1")
gauges = GaugeServer(Scraper(settings(), sys.argv[1], [], 30), 0, "127.0.0.1")
ports = server.port, gauges.port
with server, gauges:
    waiting = threading.Thread(target=probe.check)
    waiting.start()
    asking.wait()
    if (child := os.fork()) == 0:
        probe._report = report
        assert probe.check().database == "ok"
        server.close()
        gauges.__exit__(None, None, None)
        probe.close()
        say("child")
        sys.stdin.readline()
        sys.exit(0)  # leaves the block
    done.set()
    waiting.join()
    for port, path in zip(ports, ("/live", "/metrics")):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path)
        assert connection.getresponse().status == 200
        connection.close()
for port in ports:
    socket.create_server(("127.0.0.1", port)).close()  # the child does not keep it
probe.close()
say("closed")
assert code(child) == 0
"""


@pytest.mark.direct("a pooler keeps its sessions")
def test_a_child_leaves_the_endpoints_to_its_parent(empty_database_url: str) -> None:
    Runner(Settings(), empty_database_url).up()
    with Program(HEAD + HEALTH, empty_database_url, NEVER) as program:
        assert {program.line(), program.line()} == {"child", "closed"}
        program.send()
        finish(program)
