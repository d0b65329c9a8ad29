# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""Connections and queries with asyncio; the source from which `_sync` is generated."""
