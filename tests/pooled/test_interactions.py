"""The tests of tests/db/test_interactions.py, through the pooler: all but those that cut the connection."""

from tests.db import test_interactions

# What Proxy has the server do before it hangs up, a pooler does not pass on.
globals().update(
    {
        name: found
        for name, found in vars(test_interactions).items()
        if name.startswith("test_") and "Proxy" not in found.__code__.co_names
    }
)
