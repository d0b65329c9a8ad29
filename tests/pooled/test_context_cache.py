"""The tests of tests/db/test_context_cache.py, through the pooler."""

from tests.db.test_context_cache import *  # noqa: F403  its tests and fixtures are collected here, with this folder's `database_url`
