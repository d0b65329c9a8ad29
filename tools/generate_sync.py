"""Generate every `_sync` folder of the package from its `_async` neighbour; with --check only compare.

The asynchronous code is the source; the synchronous twin is never edited by hand.
"""

from __future__ import annotations

import argparse
import difflib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import unasync

PACKAGE = Path(__file__).resolve().parent.parent / "guestsql"
WINGS = ("sql", "guests")
HEADER = "# Generated from ../_async by tools/generate_sync.py (make sync). Do not edit.\n"
REPLACEMENTS = {
    "_async": "_sync",
    "AsyncAdapter": "SyncAdapter",
    "AsyncArchive": "Archive",
    "AsyncBatch": "Batch",
    "AsyncRemedy": "Remedy",
    "AsyncReplica": "Replica",
    "AsyncReturner": "Returner",
    "AsyncCancelled": "Cancelled",
    "AsyncBooking": "Booking",
    "AsyncBuild": "Build",
    "AsyncBuilder": "Builder",
    "AsyncConnection": "Connection",
    "AsyncGenerator": "Generator",
    "AsyncTurns": "Turns",
    "async_in_thread": "in_thread",
    "async_running_loop": "running_loop",
    "asynccontextmanager": "contextmanager",
    "AsyncConnectionPool": "ConnectionPool",
    "AsyncConnections": "Connections",
    "AsyncContextCache": "ContextCache",
    "AsyncContextReader": "ContextReader",
    "AsyncContexts": "Contexts",
    "AsyncCursor": "Cursor",
    "AsyncDatabase": "Database",
    "AsyncDeadlineConnection": "DeadlineConnection",
    "AsyncEngine": "Engine",
    "AsyncErasure": "Erasure",
    "AsyncExecutor": "Executor",
    "AsyncExitStack": "ExitStack",
    "enter_async_context": "enter_context",
    "push_async_callback": "callback",
    "AsyncFlusher": "Flusher",
    "AsyncGuestDatabase": "GuestDatabase",
    "AsyncGuestQueries": "GuestQueries",
    "AsyncGuestTransaction": "GuestTransaction",
    "AsyncGuests": "Guests",
    "AsyncInteractionBuffer": "InteractionBuffer",
    "AsyncLender": "Lender",
    "AsyncLifecycle": "Lifecycle",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncLookups": "Lookups",
    "AsyncMessageHandler": "MessageHandler",
    "AsyncMessageProcessor": "MessageProcessor",
    "AsyncMessages": "Messages",
    "AsyncMetricsWriter": "MetricsWriter",
    "AsyncListener": "Listener",
    "AsyncListeners": "Listeners",
    "AsyncOutbox": "Outbox",
    "AsyncPeople": "People",
    "AsyncPipeline": "Pipeline",
    "AsyncPrivacy": "Privacy",
    "AsyncPauses": "Pauses",
    "AsyncPermits": "Permits",
    "AsyncProfiles": "Profiles",
    "AsyncAbandonedSessions": "AbandonedSessions",
    "AsyncQueries": "Queries",
    "AsyncQueryMethods": "QueryMethods",
    "AsyncRawCursor": "RawCursor",
    "AsyncReloader": "Reloader",
    "AsyncReplyClaims": "ReplyClaims",
    "AsyncReplySender": "ReplySender",
    "AsyncResult": "Result",
    "AsyncSession": "Session",
    "AsyncSignal": "Signal",
    "AsyncThreadCreator": "ThreadCreator",
    "AsyncThreadFactory": "ThreadFactory",
    "AsyncThreads": "Threads",
    "AsyncTicker": "Ticker",
    "AsyncWorker": "Worker",
    "AsyncTransaction": "Transaction",
    "AsyncTransactionSession": "TransactionSession",
    "AsyncUntypedQueries": "UntypedQueries",
    "AsyncLock": "Lock",
    "async_call_callback": "call_callback",
    "async_sleep": "sleep",
    "pool_async": "pool",
    "wait_async": "wait",
}


def generate(wing: str, target: Path) -> None:
    """Write the synchronous twins of a wing's modules into a folder."""
    rule = unasync.Rule("/_async/", "/_sync/", additional_replacements=REPLACEMENTS)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "_async"
        shutil.copytree(PACKAGE / wing / "_async", source, ignore=shutil.ignore_patterns("__pycache__"))
        unasync.unasync_files([str(path) for path in sorted(source.glob("*.py"))], [rule])
        for path in sorted((Path(folder) / "_sync").glob("*.py")):
            text = path.read_text(encoding="utf-8").replace("is_aio_driver = True", "is_aio_driver = False")
            (target / path.name).write_text(HEADER + text.replace("`_async`", "`_sync`"), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    # Shorter names change how lines break and imports sort.
    subprocess.run([*ruff, "check", "--isolated", "--select=I", "--fix", "--quiet", target], check=True)  # noqa: S603
    subprocess.run([*ruff, "format", "--isolated", "--line-length=120", "--quiet", target], check=True)  # noqa: S603


def differences(made: Path, kept: Path) -> list[str]:
    """Return the lines in which two folders of modules differ."""
    lines: list[str] = []
    for name in sorted({path.name for folder in (made, kept) for path in folder.glob("*.py")}):
        old, new = (
            (folder / name).read_text("utf-8").splitlines() if (folder / name).exists() else []
            for folder in (kept, made)
        )
        lines += difflib.unified_diff(old, new, name, f"{name} (generated)", n=1)
    return lines


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on any difference")
    check = parser.parse_args().check
    different: list[str] = []
    for wing in WINGS:
        kept = PACKAGE / wing / "_sync"
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder)
            generate(wing, made)
            different += differences(made, kept)
            if not check:
                replace(made, kept)
    if check:
        print("\n".join(different) or "every _sync folder is what its _async folder generates")
        return 1 if different else 0
    return 0


def replace(made: Path, kept: Path) -> None:
    """Put new modules in the place of the old ones; stubs stay."""
    kept.mkdir(exist_ok=True)
    for path in kept.glob("*.py"):
        path.unlink()
    for path in made.glob("*.py"):
        shutil.copy(path, kept / path.name)


if __name__ == "__main__":
    sys.exit(main())
