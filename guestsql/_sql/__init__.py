"""The query files: their scanner, their catalogue, and the glue to aiosql."""

from guestsql._sql.catalogue import Catalogue, default_directory, load_catalogue, scan_directory
from guestsql._sql.declaration import Operator, Parameter
from guestsql._sql.loading import CatalogueLoader, EagerQueries, bind_queries
from guestsql._sql.query import Query, arrange
from guestsql._sql.scanner import Kind, Token, tokenize

__all__ = [
    "Catalogue",
    "CatalogueLoader",
    "EagerQueries",
    "Kind",
    "Operator",
    "Parameter",
    "Query",
    "Token",
    "arrange",
    "bind_queries",
    "default_directory",
    "load_catalogue",
    "scan_directory",
    "tokenize",
]
