"""Infers what a query takes and returns from PostgreSQL's own analysis: types, and which columns can be NULL."""

from guestsql.check.infer.probe import infer
from guestsql.check.infer.signature import PythonColumn, PythonParameter, PythonSignature

__all__ = ["PythonColumn", "PythonParameter", "PythonSignature", "infer"]
