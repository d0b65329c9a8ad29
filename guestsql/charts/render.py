"""Specifications of Vega-Lite to SVG, PNG and PDF, in this process and without any network.

Needs the extra `pages`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import vl_convert

from guestsql.charts.palette import DARK

__all__ = ["pdf", "png", "svg"]

_REFERENCES = frozenset({"url", "href"})
_CACHED = 64
_CLASS = "guestsql-chart"
_ROOT = re.compile(r"<svg [^>]*?width=\"(?P<width>[\d.]+)\" height=\"(?P<height>[\d.]+)\"[^>]*>")


def svg(spec: Mapping[str, Any]) -> str:
    """Draw a specification as SVG: light and dark in one picture, with a title and a description.

    Args:
        spec: of `guestsql.charts.specification`.

    Returns:
        One `<svg>` element, to be inlined or to be a file of its own.

    Raises:
        ValueError: the specification refers to something outside, or Vega-Lite rejects it.
    """
    return _svg(_text(spec))


def png(spec: Mapping[str, Any], scale: float = 2) -> bytes:
    """Draw a specification as PNG on white.

    Args:
        spec: of `guestsql.charts.specification`.
        scale: pixels by CSS pixel, above 0.

    Returns:
        The file.

    Raises:
        ValueError: as for `svg`.
    """
    return _png(_text(spec), scale)


def pdf(spec: Mapping[str, Any]) -> bytes:
    """Draw a specification as a PDF of one page.

    Args:
        spec: of `guestsql.charts.specification`.

    Returns:
        The file.

    Raises:
        ValueError: as for `svg`.
    """
    return _pdf(_text(spec))


@lru_cache(maxsize=_CACHED)
def _svg(text: str) -> str:
    drawn = vl_convert.vegalite_to_svg(text, allowed_base_urls=[])
    return _for_readers(drawn, json.loads(text))


@lru_cache(maxsize=_CACHED)
def _png(text: str, scale: float) -> bytes:
    return vl_convert.vegalite_to_png(text, scale=scale, allowed_base_urls=[])


@lru_cache(maxsize=_CACHED)
def _pdf(text: str) -> bytes:
    return vl_convert.vegalite_to_pdf(text, allowed_base_urls=[])


def _text(spec: Mapping[str, Any]) -> str:
    text = json.dumps(spec, sort_keys=True)
    json.loads(text, object_hook=_refuse_references)
    return text


def _refuse_references(part: dict[str, Any]) -> None:
    if found := _REFERENCES.intersection(part):
        raise ValueError(
            f"the specification has {min(found)}, and a chart refers to nothing outside: put its data into it"
        )


def _for_readers(drawn: str, spec: Mapping[str, Any]) -> str:
    root = _ROOT.match(drawn)
    if root is None:
        raise ValueError("the drawing does not begin with <svg>; the version of vl-convert-python is not supported")
    title = spec.get("usermeta", {}).get("title") or spec.get("description", "")
    width, height = root["width"], root["height"]
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{_CLASS}" role="img" aria-label={quoteattr(title)}'
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<title>{escape(title)}</title><desc>{escape(spec.get('description', ''))}</desc><style>{_STYLE}</style>"
    )
    return begin + drawn[root.end() :]


def _style() -> str:
    rules = "".join(
        f'svg.{_CLASS} [{paint}="{light}"]{{{paint}:{dark}}}'
        for light, dark in DARK.items()
        for paint in ("fill", "stroke")
    )
    return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"


_STYLE = _style()
