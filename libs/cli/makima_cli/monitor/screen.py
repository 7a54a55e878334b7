"""What a person does with the screen: pane, cursor, filters, what is typed, selected, opened, or paused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar, cast

from makima_sdk.models import DeadLetter

from makima_cli.monitor.holding import Cells, Held, Places
from makima_cli.monitor.model import ORDERS, Link, Pane, Prompt
from makima_cli.monitor.record import Inside
from makima_cli.monitor.wanted import Wanted

WIDE: Final = 110  # columns from which agents and events stand side by side under the contracts
WIDEST: Final = 160  # columns from which the contract under the cursor stands at the right
SILENCE_SECONDS: Final = 3.0  # the server says something each second
BEHIND_SECONDS: Final = 2.0
T = TypeVar("T")


@dataclass(slots=True)
class Screen:
    link: Link = Link.CONNECTING
    pane: Pane = Pane.CONTRACTS
    filters: dict[Pane, Wanted] = field(default_factory=lambda: {pane: Wanted() for pane in Pane})
    selected: dict[Pane, str] = field(default_factory=lambda: dict.fromkeys(Pane, ""))
    opened: str = ""  # the contract whose details are shown; empty: none
    inside: Inside = field(default_factory=Inside)  # where in the opened contract
    prompt: Prompt | None = None
    notice: str = ""  # what came of the last action
    reading: tuple[str, ...] = ()  # an answer that takes the screen until Esc
    help: bool = False
    explained: bool = False  # each reason with who must act, and how
    whole: bool = True  # the pane takes the screen, also where there is room for several
    on_need: str = ""  # the key of what waits that the cursor came to by `n`; empty: it is on a row
    scroll: int = 0  # lines above what is in sight of a text that takes the screen
    copied: str = ""  # what was copied last: once more copies the command
    width: int = 80  # of the terminal, in columns
    marked: dict[str, None] = field(
        default_factory=dict[str, None]
    )  # contracts that are selected for a batch
    orders: dict[Pane, str] = field(
        default_factory=lambda: {pane: names[0] for pane, names in ORDERS.items()}
    )
    places: dict[Pane, Places] = field(default_factory=lambda: {pane: Places() for pane in ORDERS})
    held: Held = field(default_factory=Held)
    cells: Cells = field(default_factory=Cells)
    reread: bool = False  # everything is to be read again
    attempts: int = 0  # to connect again, since the connection was lost
    lost_at: datetime | None = None
    retry_at: datetime | None = None  # when the next attempt begins
    told_at: datetime | None = None  # when the server last said anything
    lag: float = 0.0  # seconds that the server was behind the log, as it said last
    system: Mapping[str, object] | None = None  # what `GET /system` tells
    system_refused: str = ""
    dead_letters: tuple[DeadLetter, ...] | None = None  # the newest; None: not read, or refused
    series: Mapping[str, object] | None = None  # of the last hour, of a server that tells it
    # Of what is drawn: lists are made once for each. None: whenever they are asked for.
    frame: int | None = None
    _made: dict[str, tuple[tuple[int, str], object]] = field(
        default_factory=dict[str, tuple[tuple[int, str], object]]
    )

    def once(self, name: str, make: Callable[[], T], wanted: str = "") -> T:
        """What `make` makes, the same for the whole frame: with many contracts a key would wait for it."""
        if self.frame is None:
            return make()
        known = self._made.get(name)
        if known is None or known[0] != (self.frame, wanted):
            known = self._made[name] = ((self.frame, wanted), make())
        return cast("T", known[1])

    def lose(self, now: datetime) -> None:
        """The connection is lost: what is shown is as old as this."""
        self.lost_at = self.lost_at or now
        self.link = Link.RECONNECTING

    def behind(self, now: datetime) -> float | None:
        """For how many seconds what is shown may be old; None: a server that does not tell it."""
        if self.told_at is None:
            return None
        silence = (now - self.told_at).total_seconds()
        return self.lag + (silence if silence > SILENCE_SECONDS else 0.0)

    def shown_at(self, now: datetime) -> datetime:
        """The time to which ages count: they stop while nothing comes."""
        return min(self.held.since or now, (self.lost_at or now) if self.link is Link.RECONNECTING else now)

    def rearrange(self) -> None:
        """Rows go to the places of now."""
        for places in self.places.values():
            places.forget()
        self._made.clear()

    def subject(self) -> str:
        """The contract that actions are about; empty: none."""
        return self.opened or self.selected[self.pane].partition("\n")[0]

    def viewed(self) -> str:
        """The contract whose details are in sight; empty: none."""
        beside = self.width >= WIDEST and self.pane is Pane.CONTRACTS
        return self.opened or (self.subject() if beside else "")
