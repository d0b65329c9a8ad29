"""Infers what a query takes and returns from PostgreSQL's own analysis: types, and which columns can be NULL."""

from guestsql.check.infer.probe import infer
from guestsql.check.infer.signature import Column, Parameter, Signature

__all__ = ["Column", "Parameter", "Signature", "infer"]
