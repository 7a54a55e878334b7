"""What a screen remembers of what it showed: places of rows, texts of cells, and messages of while it is paused."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import compress
from operator import is_not
from typing import Final, Generic, TypeVar, cast

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
    """The order of a list as it was when the cursor came onto it. The cursor is on the row of a key; None: on none."""

    of: tuple[str, str] | None = None  # the filter and the order that were in force
    keys: dict[Hashable, None] = field(default_factory=dict[Hashable, None])
    new: int = 0  # rows that are not shown, as they came later

    def keep(self, of: tuple[str, str], chosen: K | None, rows: Mapping[K, T]) -> list[T] | None:
        """The rows in their kept places; None if there are none: without a cursor, or for another filter or order."""
        if chosen is None or chosen not in rows or not self.holds(of, chosen):
            return None
        kept = [rows[key] for key in cast("Iterable[K]", self.keys) if key in rows]
        self.new = len(rows) - len(kept)
        return kept

    def take(self, of: tuple[str, str], chosen: Hashable | None, keys: Iterable[Hashable]) -> None:
        """From now on these are the places, if the cursor is on a row."""
        self.forget()
        if chosen is not None:
            self.of, self.keys = of, dict.fromkeys(keys)

    def holds(self, of: tuple[str, str], chosen: Hashable | None) -> bool:
        """True if the rows stand in kept places, and this one among them."""
        return chosen is not None and of == self.of and chosen in self.keys

    def forget(self) -> None:
        self.of, self.new = None, 0
        self.keys = {}


@dataclass(slots=True)
class Orders(Generic[K, T]):
    """Rows by each of several orders. An order begins with what it was last, and a row that is still the same object is
    not asked again where it stands: to sort all rows anew costs several times as much, and each key waits for it.
    """

    by: Mapping[str, Callable[[T], tuple[object, ...]]]
    _rows: dict[K, T] = field(default_factory=dict[K, T])
    # By name of the order: where each row stands, but for those that are other ones since; and the keys, sorted.
    _places: dict[str, dict[K, tuple[object, ...]]] = field(
        default_factory=dict[str, dict[K, tuple[object, ...]]]
    )
    _keys: dict[str, list[K]] = field(default_factory=dict[str, list[K]])

    def follow(self, rows: Mapping[K, T]) -> None:
        """All rows there are: before each `sort` of some of them."""
        known = self._rows
        other = list(compress(rows, map(is_not, map(known.get, rows), rows.values())))
        known.update((key, rows[key]) for key in other)
        if len(known) > len(rows):
            gone = known.keys() - rows.keys()
            other += gone
            for key in gone:
                del known[key]
        for places in self._places.values():
            for key in other:
                places.pop(key, None)

    def sort(self, rows: Mapping[K, T], order: str) -> list[K]:
        """The keys of these rows, in the order of this name."""
        by, places = self.by[order], self._places.setdefault(order, {})
        keys = [key for key in self._keys.get(order, ()) if key in rows]
        unmoved = len(keys) == len(rows)
        if not unmoved:
            keys += rows.keys() - set(keys)
        moved = [key for key in keys if key not in places]
        if moved or not unmoved:
            places.update((key, by(rows[key])) for key in moved)
            keys.sort(key=places.__getitem__)
        self._keys[order] = keys
        return keys


def in_places(
    places: Places, of: tuple[str, str], chosen: K | None, rows: dict[K, T], orders: Orders[K, T]
) -> list[T]:
    """The rows where they stood when the cursor came onto one of them, else in the order that is in force."""
    kept = places.keep(of, chosen, rows)
    if kept is not None:
        return kept
    keys = orders.sort(rows, of[1])
    places.take(of, chosen, keys)
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
