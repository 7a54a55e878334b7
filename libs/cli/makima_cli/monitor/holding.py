"""What a screen remembers of what it showed: places of rows, texts of cells, and messages of while it is paused."""

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

MAX_HELD: Final = 2_000
MAX_CELLS: Final = 2_000
CHANGED_FOR: Final = timedelta(seconds=1)


@dataclass(slots=True)
class Held:
    """Messages that came while the screen was paused. Of more than `MAX_HELD` the oldest go: all is read again."""

    since: datetime | None = None  # None: not paused
    count: int = 0
    messages: deque[Mapping[str, object]] = field(
        default_factory=lambda: deque[Mapping[str, object]](maxlen=MAX_HELD)
    )

    def hold(self, message: Mapping[str, object]) -> None:
        if message.get("type") not in ("Heartbeat", "Tick"):
            self.count += "contract_id" in message
            self.messages.append(message)

    def release(self) -> list[Mapping[str, object]]:
        """End the pause; return what came meanwhile."""
        messages = list(self.messages)
        self.since, self.count = None, 0
        self.messages.clear()
        return messages


@dataclass(slots=True)
class Places:
    """The order of a list as it was when the cursor came onto it."""

    of: tuple[str, str] | None = None  # the filter and the order that were in force
    keys: dict[str, None] = field(default_factory=dict[str, None])
    new: int = 0  # rows that are not shown, as they came later

    def keep(self, of: tuple[str, str], chosen: str, rows: list[T], key: Callable[[T], str]) -> list[T]:
        """The rows in their kept places. Without a cursor, or for another filter or order: as they are given."""
        if not chosen:
            self.forget()
            return rows
        known = {key(row): row for row in rows}
        if chosen not in known or not self.holds(of, chosen):
            self.of, self.keys, self.new = of, dict.fromkeys(known), 0
            return rows
        kept = [known[each] for each in self.keys if each in known]
        self.new = len(rows) - len(kept)
        return kept

    def holds(self, of: tuple[str, str], chosen: str) -> bool:
        """True if the rows stand in kept places, and this one among them."""
        return bool(chosen) and of == self.of and chosen in self.keys

    def forget(self) -> None:
        self.of, self.new = None, 0
        self.keys.clear()


@dataclass(slots=True)
class Orders(Generic[K, T]):
    """Rows by each of several orders. An order begins with what it was last: to sort what is sorted but for a few costs
    a third, and each row waits for it.
    """

    by: Mapping[str, Callable[[T], tuple[object, ...]]]
    _last: dict[str, list[K]] = field(default_factory=dict[str, list[K]])

    def sort(self, rows: Mapping[K, T], order: str) -> list[T]:
        """All rows, in the order of this name."""
        keys = [key for key in self._last.get(order, ()) if key in rows]
        if len(keys) < len(rows):
            keys += rows.keys() - set(keys)
        by = self.by[order]
        keys.sort(key=lambda key: by(rows[key]))
        self._last[order] = keys
        return [rows[key] for key in keys]


@dataclass(slots=True)
class Cells:
    """What each cell showed when it was drawn last, and when that changed. The latest `MAX_CELLS` are known."""

    shown: dict[tuple[str, str], tuple[str, datetime | None]] = field(
        default_factory=dict[tuple[str, str], tuple[str, datetime | None]]
    )

    def changed(self, row: str, cell: str, text: str, now: datetime) -> bool:
        """True for a second after it showed another text."""
        before, at = self.shown.pop((row, cell), (text, None))
        at = at if text == before else now
        self.shown[row, cell] = (text, at)
        if len(self.shown) > MAX_CELLS:
            del self.shown[next(iter(self.shown))]
        return at is not None and now - at < CHANGED_FOR
