# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.
"""The asynchronous guest database; the source from which `_sync` is generated."""
