"""The tests of tests/db/test_threads.py, through the pooler."""

from tests.db.test_threads import *  # noqa: F403  its tests and fixtures are collected here, with this folder's `database_url`
