"""What guestsql supports."""

__all__ = ["OLDEST_POSTGRESQL"]

# The lowest major version. A test compares the pages with it.
OLDEST_POSTGRESQL = 15
