"""Transactions as the executor runs them: one connection, one deadline, savepoints, repeats, and how each failure ends."""

from __future__ import annotations

from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

QUERIES = """
-- name: add_number(number)!
INSERT INTO numbers (number) VALUES (:number::int);

-- name: list_numbers()
SELECT number FROM numbers ORDER BY number;

-- name: count_numbers()$
SELECT count(*) FROM numbers;

-- name: get_pid()$
SELECT pg_backend_pid();

-- name: end_session()
SELECT pg_terminate_backend(pg_backend_pid());
"""
TABLE = b"CREATE TABLE numbers (number int UNIQUE DEFERRABLE INITIALLY IMMEDIATE)"
