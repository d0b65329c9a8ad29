"""The package for a project's own queries: what is imported from it in place of guestsql."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from guestsql.check.infer import PythonSignature
from guestsql.stubs.render import imports_of, methods_class

__all__ = ["init_module", "init_stub"]

_INIT = '''\
"""guestsql, with types for this project's queries: import its classes from here instead of from guestsql."""

from guestsql import {names}

from . import rows

__all__ = [{listed}]
'''
_STUB = '''\
"""guestsql, with types for this project's queries."""

{imports}
{queries}

{async_queries}

{databases}'''
_OTHER_FUNCTION = "# pyright: ignore[reportIncompatibleMethodOverride]"
# A transaction has the queries too, so its class is another, and so are the methods that give it.
_GUESTS = f'''\
_Answer = _typing.TypeVar("_Answer")
_Isolation = _typing.Literal["read committed", "repeatable read", "serializable"]

class GuestTransaction(_guestsql.GuestTransaction):
    """`guestsql.GuestTransaction`, which knows these queries."""

    queries: Queries  # pyright: ignore[reportIncompatibleVariableOverride]

class AsyncGuestTransaction(_guestsql.AsyncGuestTransaction):
    """`guestsql.AsyncGuestTransaction`, which knows these queries."""

    queries: AsyncQueries  # pyright: ignore[reportIncompatibleVariableOverride]

class GuestDatabase(_guestsql.GuestDatabase):
    """`guestsql.GuestDatabase`, which knows these queries."""

    queries: Queries  # pyright: ignore[reportIncompatibleVariableOverride]

    @_contextlib.contextmanager
    def transaction(
        self, *, isolation: _Isolation | None = None
    ) -> _abc.Generator[GuestTransaction, None, None]: ...
    def run(  {_OTHER_FUNCTION}
        self, function: _abc.Callable[[GuestTransaction], _Answer], *, isolation: _Isolation | None = None
    ) -> _Answer: ...

class AsyncGuestDatabase(_guestsql.AsyncGuestDatabase):
    """`guestsql.AsyncGuestDatabase`, which knows these queries."""

    queries: AsyncQueries  # pyright: ignore[reportIncompatibleVariableOverride]

    @_contextlib.asynccontextmanager
    def transaction(
        self, *, isolation: _Isolation | None = None
    ) -> _abc.AsyncGenerator[AsyncGuestTransaction, None]: ...
    async def run(  {_OTHER_FUNCTION}
        self,
        function: _abc.Callable[[AsyncGuestTransaction], _abc.Awaitable[_Answer]],
        *,
        isolation: _Isolation | None = None,
    ) -> _Answer: ...
'''
_ANYBODY = '''\
Transaction = _guestsql.Transaction[Queries]
AsyncTransaction = _guestsql.AsyncTransaction[AsyncQueries]

class Database(_guestsql.Database[Queries]):
    """`guestsql.Database`, which knows these queries."""

class AsyncDatabase(_guestsql.AsyncDatabase[AsyncQueries]):
    """`guestsql.AsyncDatabase`, which knows these queries."""
'''
_BASES = """\
from guestsql.{wing}._async.queries import Async{name} as _AsyncBase
from guestsql.{wing}._sync.queries import {name} as _Base
"""


def init_module(*, packaged: bool) -> str:
    """Return `__init__.py`: at run time the classes are guestsql's own.

    Args:
        packaged: the queries are added to the packaged ones.
    """
    kinds = ("GuestDatabase", "GuestTransaction") if packaged else ("Database", "Transaction")
    names = [*(f"Async{each}" for each in kinds), *kinds]
    return _INIT.format(names=", ".join(names), listed=", ".join(f'"{each}"' for each in [*names, "rows"]))


def init_stub(signatures: Sequence[PythonSignature], *, packaged: bool, overridden: Collection[str]) -> str:
    """Return `__init__.pyi`.

    Args:
        signatures: of the project's queries.
        packaged: the queries are added to the packaged ones.
        overridden: the names of the packaged queries among them.
    """
    queries = methods_class(signatures, "Queries", is_async=False, base="_Base", overridden=overridden)
    async_queries = methods_class(signatures, "AsyncQueries", is_async=True, base="_AsyncBase", overridden=overridden)
    databases = _GUESTS if packaged else _ANYBODY
    wing, name = ("guests", "GuestQueries") if packaged else ("sql", "Queries")
    more = f"import guestsql as _guestsql\n{_BASES.format(wing=wing, name=name)}\nfrom . import rows as rows"
    imports = imports_of(queries + async_queries + databases, more)
    return _STUB.format(
        imports=f"{imports}\n_rows = rows\n" if "_rows." in queries else imports,
        queries=queries.rstrip("\n"),
        async_queries=async_queries.rstrip("\n"),
        databases=databases,
    )
