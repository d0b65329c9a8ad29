"""The import: records are staged, merged and written in one transaction."""
