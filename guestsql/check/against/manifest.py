"""A release as one JSON file, for places without git: an installed package, an image, an archive."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, cast

from guestsql.check.against.release import Release, ReleaseError, SqlFile, is_file_name

__all__ = ["read_manifest", "save_manifest"]

_FORMAT = "guestsql release"
_VERSION = 1
_HINT = "write one with guestsql check --save-manifest FILE; a git ref of the same name is refs/heads/NAME"


def save_manifest(release: Release, file: Path) -> None:
    """Write a release into a file: whole, or not at all.

    Args:
        release: the release.
        file: what is written; an old one is replaced.

    Raises:
        ReleaseError: a file is not UTF-8, or the manifest cannot be written.
    """
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "queries": {each.name: _text(each) for each in release.queries},
        "migrations": {each.name: _text(each) for each in release.migrations},
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as draft:
            draft.write(text)
        Path(draft.name).chmod(0o644)
        os.replace(draft.name, file)  # noqa: PTH105  replaces on every system
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror or error}"
        raise ReleaseError(message, hint="name a file in a folder that is there") from error


def read_manifest(file: Path) -> Release:
    """Read what `save_manifest` wrote.

    Raises:
        ReleaseError: it cannot be read, is none, or is of a later format.
    """
    try:
        content: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise ReleaseError(f"{file} cannot be read: {error.strerror or error}", hint=_HINT) from error
    except ValueError as error:
        raise ReleaseError(f"{file} is not a release manifest", hint=_HINT) from error
    fields = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    if fields.get("format") != _FORMAT:
        raise ReleaseError(f"{file} is not a release manifest", hint=_HINT)
    if fields.get("version") != _VERSION:
        message = f"{file} is a manifest of version {fields.get('version')}, this guestsql reads {_VERSION}"
        raise ReleaseError(message, hint="compare with the newer guestsql")
    return Release(str(file), _files(file, fields, "queries"), _files(file, fields, "migrations"))


def _files(file: Path, fields: dict[str, Any], kind: str) -> tuple[SqlFile, ...]:
    found: Any = fields.get(kind)
    texts = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    usable = all(isinstance(text, str) and is_file_name(name) for name, text in texts.items())
    if not texts or not usable:
        raise ReleaseError(f"{file} is not a release manifest: {kind}", hint=_HINT)
    return tuple(
        SqlFile(name, Path(f"{file}:{kind}/{name}"), text.encode("utf-8", "surrogatepass"))
        for name, text in sorted(texts.items())
    )


def _text(file: SqlFile) -> str:
    try:
        return file.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReleaseError(f"{file.shown} is not UTF-8", hint="save the file as UTF-8") from error
