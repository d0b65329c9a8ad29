"""A file read element by element, for the verification.

Bytes that the database keeps are compared with the file's, and skipped when they are equal, so that the records after a
damaged place can be read too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from guestsql.legacy.verifying.values import Value
from guestsql.legacy.verifying.window import Broken, FileText, KeptPlaces, Stretch

__all__ = ["Element", "list_elements"]

_PAIR = 2


@dataclass(frozen=True, slots=True)
class Element:
    """A pair of an array, whose record is `below` the pointer, or a member of an object.

    Attributes:
        pointer: JSON pointer of the pair or member.
        index: its position in the file, from 0.
        key: the guest's key as written.
        value: the record, or `Broken`.
        below: the pointer from the pair to its record.
        kept: its bytes, when the database keeps exactly these as a rejected record.
    """

    pointer: str
    index: int
    key: Value
    value: Value
    below: str = ""
    kept: Stretch | None = None


def list_elements(text: FileText, kept: KeptPlaces) -> Iterator[Element]:
    """Yield each pair of an array or each member of an object, with a `Broken` value where it cannot be read.

    Args:
        text: of a file, at its beginning.
        kept: what the database keeps of the file.
    """
    opening = text.skip_space()
    if opening == "":
        return
    if opening not in "[{":
        yield _rest(text, kept, Element("", 0, None, Broken("neither an array nor an object")))
        _drain(text)
        return
    text.at += 1
    close = "]" if opening == "[" else "}"
    index = 0
    element: Element | None = None
    character = text.skip_space()
    while character not in ("", close):
        element = (_kept_element(text, index, kept, close) if kept else None) or _element(text, index, close)
        yield element
        index += 1
        character = text.skip_space()
        if character != ",":
            break
        text.at += 1
        character = text.skip_space()
    text.at += len(character) if character == close else 0
    behind = text.skip_space()
    if character != close or behind:
        reason = "something follows the end" if character == close else "the file is damaged or ends too early"
        rest = _rest(text, kept, Element(f"/{index}" if close == "]" else "", index, None, Broken(reason)))
        # If a kept record reaches the end of the file, nothing is missing after it.
        if rest.kept or behind or not (element and element.kept):
            yield rest
    _drain(text)


def _element(text: FileText, index: int, close: str) -> Element:
    return _pair(text, index) if close == "]" else _member(text, index)


def _kept_element(text: FileText, index: int, kept: KeptPlaces, close: str) -> Element | None:
    """Read an element from the bytes that are kept of this place, and move past them; None when none are kept."""
    found = text.kept_here(kept)
    if not found or not found[1]:
        return None
    stretch, data = found
    alone = FileText(io.BytesIO(data), text.encoding)
    alone.skip_space()
    element = _element(alone, index, close)
    # Only broken JSON may be kept as more than one element: otherwise other records would be skipped unread.
    is_json = not isinstance(element.value, Broken) or element.value.is_json
    if (is_json and alone.skip_space()) or not text.step_over(data):
        return None
    return replace(element, kept=stretch)


def _rest(text: FileText, kept: KeptPlaces, element: Element) -> Element:
    """Mark an element that is the rest of the file as kept, if the database keeps exactly these bytes."""
    found = text.kept_here(kept)
    is_kept = found is not None and text.step_over(found[1]) and text.skip_space() == ""
    return replace(element, kept=found[0]) if found and is_kept else element


def _pair(text: FileText, index: int) -> Element:
    value = text.decode()
    pointer = f"/{index}"
    if isinstance(value, Broken):
        return Element(pointer, index, None, value)
    if isinstance(value, dict):
        fields = cast("dict[str, Value]", value)
        key = fields.get("phone", fields.get("phoneNumber"))
        if key is not None:
            return Element(pointer, index, key, fields)
    if not isinstance(value, list) or len(cast("list[Value]", value)) != _PAIR:
        return Element(pointer, index, None, Broken("not a [key, record] pair", is_json=True))
    key, record = cast("list[Value]", value)
    return Element(pointer, index, key, record, "/1")


def _member(text: FileText, index: int) -> Element:
    key = text.decode()
    if not isinstance(key, str) or text.skip_space() != ":":
        text.at = len(text.text)
        _drain(text)
        return Element(f"/{index}", index, None, Broken("expected a key and a colon"))
    text.at += 1
    text.skip_space()
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    return Element(pointer, index, key, text.decode())


def _drain(text: FileText) -> None:
    """Read to the end, for the checksum."""
    text.at = len(text.text)
    while text.more():
        text.at = len(text.text)
