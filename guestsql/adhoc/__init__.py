"""Runs queries that a person asks for: the shell and the pages share it."""
