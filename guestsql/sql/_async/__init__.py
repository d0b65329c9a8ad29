"""Connections and queries with asyncio; the source from which `_sync` is generated."""
