"""The monitor's figures on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from guestsql.ops.monitor.figures import Figures, Messages, Minute, Replies
from guestsql.ops.monitor.sparkline import sparkline
from guestsql.wording import counted

__all__ = ["Screen"]

# Heading, figures, blank lines and the footer. The two lists share the rest of the terminal's height.
_FIXED_LINES = 20
_LEAST_ROWS = 3
_LABEL_WIDTH = 18
_VALUE_WIDTH = 16
# A narrower terminal shows no curves and fewer columns.
_ROOMY_WIDTH = 60
_NUMBERS = ("pid", "seconds", "calls", "errors", "median", "95 %")
_FULL_PERCENT = 100.0
# Above this share of the limit, the next deployment may get no connection.
_CROWDED = 0.8
# A guest waits for a reply that is older, as in the doctor's limits.
_LATE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Line:
    """A figure: its name, present value and curve."""

    name: str
    now: str
    history: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """What is shown at one time, as a rich renderable.

    Attributes:
        figures: the latest figures; None before the first.
        connections: used connections at each reading, oldest first.
        title: the name of the server.
        zone: the time zone of the times shown.
        failure: why the figures are not up to date, or "".
        ascii_only: True for a terminal without block characters.
        clean: makes a text from the server safe for a terminal.
        footer: the last line of the terminal, or "".
        is_whole: True to draw everything, regardless of the terminal's height.
    """

    figures: Figures | None
    connections: Sequence[float]
    title: str
    zone: ZoneInfo
    failure: str
    ascii_only: bool
    clean: Callable[[str], str]
    footer: str = ""
    is_whole: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw to the size of the terminal. If it is too low, the end is cut off but not the footer."""
        height = options.height or console.height
        body = Group(*self._parts(height, options.max_width))
        if self.is_whole:
            yield body
            return
        for line in console.render_lines(body, options.update(height=None), pad=False)[: max(0, height - 1)]:
            yield from line
            yield Segment.line()
        yield Text(self.footer, style="dim", no_wrap=True, overflow="crop", end="")

    def _parts(self, height: int, width: int) -> Iterator[RenderableType]:
        yield self._heading()
        if self.failure:
            yield Text(self.clean(self.failure), style="bold red")
        if self.figures is None:
            return
        rows = max(_LEAST_ROWS, (height - _FIXED_LINES) // 2)
        if self.is_whole:
            rows = max(len(self.figures.sessions), len(self.figures.queries))
        yield self._lines(self.figures, width)
        yield self._sessions(self.figures, rows, width)
        yield self._queries(self.figures, rows, width)

    def _heading(self) -> Text:
        heading = Text(self.clean(self.title), style="bold", no_wrap=True, overflow="ellipsis")
        if self.figures is not None:
            heading.append(f"   {self.figures.at.astimezone(self.zone):%Y-%m-%d %H:%M:%S %Z}", style="not bold")
        return heading

    def _lines(self, figures: Figures, width: int) -> RenderableType:
        is_roomy = width >= _ROOMY_WIDTH
        lines = self._figure_lines(figures, max(1, width - _LABEL_WIDTH - _VALUE_WIDTH - 3))
        widest = _VALUE_WIDTH if is_roomy else max(len(line.now) for line in lines)
        table = Table.grid(padding=(0, 1))
        table.add_column(width=max(1, min(_LABEL_WIDTH, width - widest - 1)), no_wrap=True, overflow="ellipsis")
        table.add_column(width=widest, justify="right", no_wrap=True, overflow="ellipsis")
        for line in lines:
            now = Text(line.now, style="bold red" if line.is_bad else "bold")
            table.add_row(line.name, now, *([Text(line.history, no_wrap=True)] if is_roomy else []))
        return Group(Text(), table)

    def _figure_lines(self, figures: Figures, width: int) -> list[_Line]:
        minutes, used = figures.minutes, figures.connections
        last = _last_whole(minutes)
        errors = sum(minute.errors for minute in minutes)

        def drawn(values: Sequence[float | None], highest: float | None = None) -> str:
            return sparkline(values, width=width, highest=highest, ascii_only=self.ascii_only)

        return [
            _Line("context hits", _percent(last.hit_percent), drawn([m.hit_percent for m in minutes], _FULL_PERCENT)),
            _Line("contexts a minute", str(last.requests), drawn([m.requests for m in minutes])),
            _Line("queries a minute", str(last.calls), drawn([m.calls for m in minutes])),
            _Line("median", _duration(last.p50_milliseconds), drawn([m.p50_milliseconds for m in minutes])),
            _Line("95th percentile", _duration(last.p95_milliseconds), drawn([m.p95_milliseconds for m in minutes])),
            _Line(f"errors in {len(minutes)} min", str(errors), drawn([m.errors for m in minutes]), errors > 0),
            _messages_line(figures.messages),
            _replies_line(figures.replies),
            _Line(
                "connections",
                f"{used.used} of {used.limit}",
                drawn(self.connections, float(used.limit)),
                used.used >= _CROWDED * used.limit,
            ),
        ]

    def _sessions(self, figures: Figures, rows: int, width: int) -> RenderableType:
        columns = (
            ("pid", "seconds", "what", "query", "waits for") if width >= _ROOMY_WIDTH else ("pid", "what", "query")
        )
        table = _table(columns)
        for session in figures.sessions[:rows]:
            words = {
                "pid": str(session.pid),
                "seconds": "" if session.seconds is None else f"{session.seconds:.0f}",
                "what": session.kind,
                "query": session.query or "",
                "waits for": session.about,
            }
            table.add_row(*(Text(self.clean(words[column])) for column in columns))
        title = "sessions that may need attention"
        return _titled(title, table, len(figures.sessions), rows, "none")

    def _queries(self, figures: Figures, rows: int, width: int) -> RenderableType:
        columns = (
            ("calls", "errors", "median", "95 %", "query") if width >= _ROOMY_WIDTH else ("calls", "95 %", "query")
        )
        table = _table(columns)
        for query in figures.queries[:rows]:
            words = {
                "calls": str(query.calls),
                "errors": str(query.errors),
                "median": _duration(query.p50_milliseconds),
                "95 %": _duration(query.p95_milliseconds),
                "query": query.query,
            }
            style = "red" if query.errors else ""
            table.add_row(*(Text(self.clean(words[column])) for column in columns), style=style)
        title = f"queries of the last {len(figures.minutes)} minutes, most time first"
        return _titled(title, table, len(figures.queries), rows, "none")


def _messages_line(messages: Messages) -> _Line:
    about = f"{messages.redeliveries} delivered again, {messages.unfinished} unfinished"
    return _Line("in progress", str(messages.in_progress), about, messages.unfinished > 0)


def _replies_line(replies: Replies) -> _Line:
    age = replies.oldest_seconds
    oldest = "" if age is None else f"the oldest for {age:.0f} s, "
    is_bad = replies.dead > 0 or (age is not None and age > _LATE_SECONDS)
    return _Line("unsent replies", str(replies.unsent), f"{oldest}{counted(replies.dead, 'dead letter')}", is_bad)


def _last_whole(minutes: Sequence[Minute]) -> Minute:
    """Return the last complete minute: the current one would look like a drop."""
    return minutes[-2] if len(minutes) > 1 else minutes[-1]


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=justify, no_wrap=True, overflow="ellipsis")
    return table


def _titled(title: str, table: Table, count: int, rows: int, nothing: str) -> RenderableType:
    if not count:
        return Group(Text(), _one_line(f"{title}: {nothing}"))
    rest = [_one_line(f"and {count - rows} more", "dim")] if count > rows else []
    return Group(Text(), _one_line(title, "bold"), table, *rest)


def _one_line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    if milliseconds >= 1000:  # noqa: PLR2004  a second
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"  # noqa: PLR2004  two digits are enough
