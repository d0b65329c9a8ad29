"""The asynchronous database; the source from which `_sync` is generated."""
