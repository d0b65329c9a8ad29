import sys, time
from pathlib import Path
from contextlib import closing, contextmanager
from tests.server import private_server, apply_migrations
from guestsql.check import check_files
from guestsql.check.segments import SegmentRule
from guestsql.sql._sync.connection import connect
from guestsql.settings import Settings
import psycopg
from psycopg.conninfo import make_conninfo
with private_server() as server:
    with psycopg.connect(server.url(), autocommit=True) as c:
        c.execute("create database live")
    url = server.url("live")
    apply_migrations(url)
    with psycopg.connect(url, autocommit=True) as c:
        print(c.execute("select rolname from pg_roles where rolname like 'guestsql%'").fetchall())
        c.execute("insert into guest_profiles(phone_number) select (573000000000+g)::text from generate_series(1,20000) g")
        c.execute("analyze")
    @contextmanager
    def live():
        with closing(connect(Settings(), make_conninfo(url, options="-c default_transaction_read_only=on"))) as conn:
            conn.execute("SET ROLE guestsql_monitor")
            yield conn
            print("role after", conn.execute("select current_user, current_setting('transaction_read_only')").fetchall())
    for f in sorted(Path("queries").glob("*.sql")):
        t=time.monotonic()
        r = check_files([f], live(), is_live=True)
        print(f, r.queries, round(time.monotonic()-t,3), [ (x.query, x.rule, x.message) for x in r.findings])
