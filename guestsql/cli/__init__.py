"""The shell `guestsql`: a module for each group of commands. No other package imports it.

Data goes to stdout, everything else to stderr. The exit code is 0 for success, 1 when a check or a record failed, 2 for
wrong usage, 3 when the server refused the SQL, 4 when there is no connection.
"""

from guestsql.cli.main import main

__all__ = ["main"]
