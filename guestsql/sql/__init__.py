"""The query files: their scanner, their catalogue, and the glue to aiosql."""

from guestsql.sql.catalogue import (
    Catalogue,
    InUse,
    default_directory,
    internal_directory,
    load_catalogue,
    read_packaged,
    scan_directory,
)
from guestsql.sql.declaration import Operator, Parameter
from guestsql.sql.edits import Edit, Edits, Refusal, changed_signature
from guestsql.sql.folder import Folder, Scan
from guestsql.sql.loading import CatalogueLoader, EagerQueries, bind_queries
from guestsql.sql.operation import is_read, operation_name
from guestsql.sql.query import Query, arrange
from guestsql.sql.reading import read_queries
from guestsql.sql.scanner import Kind, Token, tokenize
from guestsql.sql.signature import Signature, Typed, server_differences

__all__ = [
    "Catalogue",
    "CatalogueLoader",
    "EagerQueries",
    "Edit",
    "Edits",
    "Folder",
    "InUse",
    "Kind",
    "Operator",
    "Parameter",
    "Query",
    "Refusal",
    "Scan",
    "Signature",
    "Token",
    "Typed",
    "arrange",
    "bind_queries",
    "changed_signature",
    "default_directory",
    "internal_directory",
    "is_read",
    "load_catalogue",
    "operation_name",
    "read_packaged",
    "read_queries",
    "scan_directory",
    "server_differences",
    "tokenize",
]
