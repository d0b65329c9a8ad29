"""The live view: what the bot and its server do, minute by minute."""

from guestsql.ops.monitor.figures import Connections, Figures, Minute, NamedQuery, Problem
from guestsql.ops.monitor.reading import FigureReader
from guestsql.ops.monitor.view import Screen

__all__ = ["Connections", "FigureReader", "Figures", "Minute", "NamedQuery", "Problem", "Screen"]
