"""The terminal: draws the state five times a second at most, and hands keys on."""

import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from makima_cli.monitor.cells import Line, Piece, plain_style, to_ascii
from makima_cli.monitor.keys import Act, press
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.view import draw
from makima_cli.readable import coloured, readable

DRAW_SECONDS: Final = 0.2
LIST_SECONDS: Final = 0.2  # between two lists of up to `MANY` contracts; of twice as many, twice that
MANY: Final = 1000


class Picture(Widget, can_focus=True):
    """The whole screen, line by line: a line that did not change is not painted again."""

    DEFAULT_CSS = "Picture { width: 100%; height: 100%; background: ansi_default; color: ansi_default; }"

    def __init__(self, state: MonitorState, act: Callable[[Act], None]) -> None:
        super().__init__()
        self._state = state
        self._act = act
        self._coloured = coloured()
        self._utf8 = is_utf8(getattr(sys.__stderr__, "encoding", None))
        self._lines: list[Line] = []

    def draw(self) -> None:
        """Bring the screen up to date with the state."""
        width, height = self.size
        self._state.width = width
        before, self._lines = self._lines, draw(self._state, width, height, datetime.now(UTC))
        if len(before) != len(self._lines):
            self.refresh()
            return
        changed = (Region(0, y, width, 1) for y, line in enumerate(self._lines) if line != before[y])
        if regions := tuple(changed):
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width)
        return Strip([self._segment(piece) for piece in self._lines[y]]).adjust_cell_length(width)

    def _segment(self, piece: Piece) -> Segment:
        text = piece.text if self._utf8 else to_ascii(piece.text)
        return Segment(text, Style.parse(piece.style if self._coloured else plain_style(piece.style)))

    def on_resize(self) -> None:
        self._lines = []
        self.draw()

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        act = press(self._state, event.key, event.character, datetime.now(UTC))
        self.draw()
        if act is not None:
            self._act(act)


class MonitorApp(App[None]):
    """`feed` runs beside it; its error ends the app. `write` does what a key act for."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", priority=True, show=False)]
    CSS = "Screen { background: ansi_default; }"

    def __init__(
        self,
        state: MonitorState,
        feed: Callable[[], Awaitable[None]],
        write: Callable[[Act], Coroutine[None, None, None]],
    ) -> None:
        if not os.environ.get("NO_COLOR"):
            os.environ.pop("NO_COLOR", None)  # textual takes an empty one for set; no-color.org does not
        super().__init__(ansi_color=True)
        self._state = state
        self._feed = feed
        self._write = write
        self._ticks = 0
        self.error: Exception | None = None

    def compose(self) -> ComposeResult:
        yield Picture(self._state, self._do)

    def on_mount(self) -> None:
        picture = self.query_one(Picture)
        picture.focus()
        self.set_interval(DRAW_SECONDS, picture.draw)
        self._state.frame = 0
        self.set_interval(LIST_SECONDS, self._next_frame)
        self.run_worker(self._run_feed())

    def _next_frame(self) -> None:
        """The lists are made anew; of many, less often, so that keys need not wait for them."""
        self._ticks += 1
        if self._ticks % (1 + len(self._state.contracts) // MANY) == 0:
            self._state.frame = self._ticks

    async def _run_feed(self) -> None:
        try:
            await self._feed()
        except Exception as error:  # noqa: BLE001 - told after the terminal is restored
            self.error = error
            self.exit()

    def _do(self, act: Act) -> None:
        if act.kind == "quit":
            self.exit()
        elif act.kind == "copy":
            self.copy_to_clipboard(readable(act.value))
        else:
            self.run_worker(self._write(act))


def is_utf8(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "") == "utf8"
