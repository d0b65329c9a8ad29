"""Colours of the charts: one set on white, and what each becomes on a dark background."""

from __future__ import annotations

__all__ = ["AXIS", "BACKGROUND", "DARK", "GRID", "HEAT", "MUTED", "SERIES", "TEXT"]

SERIES = ("#2d3bba", "#d77300", "#06a171", "#a67dc2", "#4b1d5b", "#650d00")
"""Colours of the series, in order. Each differs from the others with every kind of colour blindness."""
HEAT = ("#dbe9f6", "#b0d0ea", "#7bb2dc", "#4590c6", "#1c6aaf", "#0a3f7a")
"""Colours of a heatmap's classes, the least first."""
BACKGROUND = "#ffffff"
TEXT = "#1f2328"
MUTED = "#59636e"
"""Of labels, subtitles and notes."""
AXIS = "#848d97"
GRID = "#e2e6ea"

DARK: dict[str, str] = {
    BACKGROUND: "#15181c",
    TEXT: "#e9edf1",
    MUTED: "#a3adb8",
    AXIS: "#737d88",
    GRID: "#2c333b",
    **dict(zip(SERIES, ("#48d1ff", "#e4781c", "#57955e", "#b06298", "#ffe815", "#d6ffe9"), strict=True)),
    **dict(zip(HEAT, ("#1d2f45", "#1f4b73", "#2a6da0", "#4393c9", "#7cbde4", "#c6e8fb"), strict=True)),
}
"""The colour on a dark background by the colour on white."""
