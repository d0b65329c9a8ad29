"""The query files: their scanner, their catalogue, and the glue to aiosql."""

from guestsql.sql.catalogue import (
    Catalogue,
    InUse,
    default_directory,
    internal_directory,
    is_packaged,
    read_packaged,
    scan_directory,
)
from guestsql.sql.declaration import Operator, Parameter
from guestsql.sql.edits import Edit, Edits, Refusal, changed_signature
from guestsql.sql.folder import Folder, Scan
from guestsql.sql.loading import EagerQueries, bind_queries
from guestsql.sql.operation import is_read, operation_name
from guestsql.sql.overlay import lay_over, load_catalogue, scan_queries
from guestsql.sql.overrides import Outdated, find_outdated, query_digest, query_text, warn_outdated
from guestsql.sql.query import Query, arrange
from guestsql.sql.reading import read_queries
from guestsql.sql.scanner import Token, TokenKind, tokenize
from guestsql.sql.signature import Signature, Typed, server_differences

__all__ = [
    "Catalogue",
    "EagerQueries",
    "Edit",
    "Edits",
    "Folder",
    "InUse",
    "Operator",
    "Outdated",
    "Parameter",
    "Query",
    "Refusal",
    "Scan",
    "Signature",
    "Token",
    "TokenKind",
    "Typed",
    "arrange",
    "bind_queries",
    "changed_signature",
    "default_directory",
    "find_outdated",
    "internal_directory",
    "is_packaged",
    "is_read",
    "lay_over",
    "load_catalogue",
    "operation_name",
    "query_digest",
    "query_text",
    "read_packaged",
    "read_queries",
    "scan_directory",
    "scan_queries",
    "server_differences",
    "tokenize",
    "warn_outdated",
]
