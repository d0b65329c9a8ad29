"""The asynchronous guest database; the source from which `_sync` is generated."""
