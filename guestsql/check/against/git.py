"""A release as git keeps it, read from the repository alone: the working tree is left as it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from guestsql.check.against.release import Release, ReleaseError, SqlFile, is_file_name

__all__ = ["read_ref"]

# A hook's git sets these for its own repository and folder; here the folder of the files decides.
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
_MANIFEST = "without git, compare with a manifest: guestsql check --save-manifest FILE in the old release"


def read_ref(ref: str, queries: Path, migrations: Path) -> Release:
    """Read both folders as they were at a commit.

    Args:
        ref: a branch, a tag, a commit: whatever git takes for one.
        queries: the folder of query files today; its path in the repository is looked up in the commit.
        migrations: the same of the migrations.

    Raises:
        ReleaseError: git, the repository, the commit or the folder does not exist.
    """
    return Release(ref, _read_folder(ref, queries), _read_folder(ref, migrations))


def _read_folder(ref: str, folder: Path) -> tuple[SqlFile, ...]:
    top = _top(folder)
    inside = PurePosixPath(folder.resolve().relative_to(top).as_posix())
    commit = _commit(ref, top)
    tree = f"{commit}:{'' if inside == PurePosixPath() else inside}"
    found = _git(top, "ls-tree", "-r", "-z", "--full-tree", tree)
    if found is None:
        hint = "compare with a release that has it, or give the folder the name that it had then"
        raise ReleaseError(f"{ref} has no folder {inside}", hint=hint)
    names: list[tuple[str, str]] = []
    for line in found.decode("utf-8", "surrogateescape").split("\0"):
        about, _, name = line.partition("\t")
        if about.startswith("100") and is_file_name(name):
            names.append((name, about.split()[2]))
    texts = _blobs(top, [sha for _, sha in names])
    if not names:
        raise ReleaseError(f"{ref} has no *.sql file in {inside}", hint="compare with a release that has some")
    return tuple(
        SqlFile(name, Path(f"{ref}:{inside / name}"), data) for (name, _), data in zip(names, texts, strict=True)
    )


def _top(folder: Path) -> Path:
    found = _git(folder, "rev-parse", "--show-toplevel")
    if found is None:
        raise ReleaseError(f"{folder} is not in a git repository", hint=_MANIFEST)
    return Path(os.fsdecode(found.rstrip(b"\n"))).resolve()


def _commit(ref: str, top: Path) -> str:
    # No ref begins with a hyphen, but an option does.
    found = None if ref.startswith("-") else _git(top, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if found is None:
        hint = "name a branch, a tag or a commit; in a shallow clone, git fetch it first"
        raise ReleaseError(f"git has no commit {ref!r}, and no file has that name", hint=hint)
    return found.decode().strip()


def _blobs(top: Path, shas: Sequence[str]) -> list[bytes]:
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    found = _git(top, "cat-file", "--batch", given=asked)
    if found is None:
        raise ReleaseError("git could not read the files of that commit", hint="run git fsck")
    texts: list[bytes] = []
    at = 0
    for _ in shas:
        end = found.index(b"\n", at)
        header = found[at:end].split()
        if header[1:2] != [b"blob"]:
            hint = "in a partial clone, git fetch it first"
            raise ReleaseError(f"git does not have {header[0].decode()}", hint=hint)
        size = int(header[2])
        texts.append(found[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return texts


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """Return what git prints; None when it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603  no shell, and no option comes from outside
            ["git", "-C", str(folder), *arguments],  # noqa: S607  the user's own git
            input=given,
            capture_output=True,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        raise ReleaseError("git is not installed", hint=_MANIFEST) from error
    except OSError as error:
        raise ReleaseError(f"git cannot be run: {error.strerror or error}", hint=_MANIFEST) from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    if "dubious ownership" in said:
        hint = "run git config --global --add safe.directory with that folder"
        raise ReleaseError(said.splitlines()[0].removeprefix("fatal: "), hint=hint)
    return None
