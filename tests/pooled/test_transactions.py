"""The tests of tests/db/test_transactions.py, through the pooler."""

from tests.db.test_transactions import *  # noqa: F403  its tests and fixtures are collected here, with this folder's `database_url`
