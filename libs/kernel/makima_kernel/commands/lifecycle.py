"""A lifecycle as one table: which commands are allowed in which status,
which event they record, and the next status.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Generic, TypeVar

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

S = TypeVar("S", bound=StrEnum)


class Mark(Enum):
    """A destination that is not a status."""

    STAY = "—"  # the status does not change
    GONE = "(gone)"  # the entity is deleted; its state keeps the last status


STAY: Final = Mark.STAY
GONE: Final = Mark.GONE


@dataclass(frozen=True, slots=True)
class Recorded(Generic[S]):
    """The destination is recorded in the event, so that a replay needs no rule."""

    among: tuple[S, ...]  # the possible destinations
    by: str = "to"  # the event's field with the destination


Then = S | Mark | Recorded[S]


@dataclass(frozen=True, slots=True)
class Row(Generic[S]):
    """One row of the table."""

    while_: tuple[S | None, ...]  # the statuses in which the row applies; None: the entity does not exist yet
    on: type | tuple[type, ...]  # the command classes that are allowed there
    records: type  # the event class that they record
    then: Then[S]  # the status after the event

    @property
    def commands(self) -> tuple[type, ...]:
        """The command classes of `on`, as a tuple."""
        return self.on if isinstance(self.on, tuple) else (self.on,)

    @property
    def destinations(self) -> tuple[S, ...]:
        """The statuses that the event may lead to;
        none if the status does not change or the entity is deleted.
        """
        match self.then:
            case Mark():
                return ()
            case Recorded():
                return self.then.among
            case status:
                return (status,)


@dataclass(frozen=True, slots=True)
class SideEffect(Row[S]):
    """An event that a command may record in addition.

    This row allows no command; another row must allow it.
    """


class Lifecycle(Generic[S]):
    """The table. It guards `decide`, gives `evolve` the next status,
    and generates refusals, diagram and documentation.

    Raises `ValueError` if one event has two destinations,
    because then a replay would need a rule to choose one.
    Rows whose event records the destination may lead to different ones, if it is always the same field.
    """

    def __init__(self, *rows: Row[S]) -> None:
        self.rows = rows
        self._then: dict[type, Then[S]] = {}  # event class → destination
        # (status, command class) → first row that allows it.
        self._allowed: dict[tuple[S | None, type], Row[S]] = {}
        for row in rows:
            if not _same_way(self._then.setdefault(row.records, row.then), row.then):
                raise ValueError(
                    f"{row.records.__name__} has two destinations: {self._then[row.records]} and {row.then}"
                )
            if isinstance(row, SideEffect):
                continue
            for status in row.while_:
                for command in row.commands:
                    self._allowed.setdefault((status, command), row)
        self.commands = tuple(dict.fromkeys(command for row in rows for command in row.commands))
        self.statuses: tuple[S, ...] = tuple(type(_a_status(rows)))

    def allowed(self, status: S | None, command: type) -> Row[S] | None:
        """The first row that allows `command` in `status`; None if the command is not allowed there."""
        return self._allowed.get((status, command))

    def covers(self, status: S | None, command: type, event: type) -> bool:
        """True if a row, also a side effect, says that `command` may record `event` in `status`."""
        return any(
            status in row.while_ and command in row.commands and row.records is event for row in self.rows
        )

    def destination(self, status: S | None, event: object) -> S:
        """The status after `event`. Does not check whether the present rules would allow the event.

        Raises `LookupError` for an event that is not in the table,
        or that keeps the status of an entity without one.
        """
        match self._then[type(event)]:
            case Mark():
                if status is None:
                    raise LookupError(f"{type(event).__name__} came before any event that sets a status")
                return status
            case Recorded() as recorded:
                return getattr(event, recorded.by)
            case there:
                return there

    def targets(self, status: S | None) -> tuple[S, ...]:
        """Every other status that a row leads to from `status`,
        in the order in which the statuses are declared.
        """
        reachable = {there for row in self.rows if status in row.while_ for there in row.destinations}
        return tuple(there for there in self.statuses if there in reachable and there != status)

    def refusal(self, status: S, command: type, detail: str, *, hint: str | None = None) -> Refused:
        """`INVALID_TRANSITION {from, to, allowed[]}` for a command that no row allows in `status`."""
        members = {
            "from": str(status),
            "to": self._aim(status, command),
            "allowed": [str(there) for there in self.targets(status)],
        }
        return Refused(ErrorCode.INVALID_TRANSITION, detail, hint=hint, **members)

    def mermaid(self) -> str:
        """The table as a mermaid state diagram, with one arrow per pair of statuses,
        labelled with its commands.
        """
        arrows: dict[tuple[str, str], list[str]] = {}
        for start, end, command in self._arrows():
            labels = arrows.setdefault((start, end), [])
            if command not in labels:
                labels.append(command)
        lines = [f"    {start} --> {end} : {', '.join(labels)}" for (start, end), labels in arrows.items()]
        return "\n".join(["stateDiagram-v2", *lines]) + "\n"

    def markdown(self) -> str:
        """The table as a Markdown table, row by row."""
        lines = ["| while | command | records | then |", "|---|---|---|---|"]
        for row in self.rows:
            records = f"{'also ' if isinstance(row, SideEffect) else ''}`{row.records.__name__}`"
            statuses = ", ".join(str(status) if status else "(nothing yet)" for status in row.while_)
            commands = ", ".join(f"`{command.__name__}`" for command in row.commands)
            lines.append(f"| {statuses} | {commands} | {records} | {_written(row.then)} |")
        return "\n".join(lines) + "\n"

    def _aim(self, status: S, command: type) -> str:
        """The `to` of a refusal: the first status that `command` leads to in any row."""
        row = next(row for row in self.rows if command in row.commands)
        if row.then is GONE:
            return "deleted"
        return str(next(iter(row.destinations), status))

    def _arrows(self) -> Iterator[tuple[str, str, str]]:
        """(from, to, command) of each change of status; `[*]` stands for an entity that does not exist."""
        for row in self.rows:
            ends = ("[*]",) if row.then is GONE else row.destinations
            for start in row.while_:
                for end in ends:
                    if start != end:
                        yield from (
                            (str(start) if start else "[*]", str(end), command.__name__)
                            for command in row.commands
                        )


def _a_status(rows: tuple[Row[S], ...]) -> S:
    return next(status for row in rows for status in (*row.while_, *row.destinations) if status is not None)


def _same_way(one: Then[S], other: Then[S]) -> bool:
    """True if an event leads to the same status by both."""
    if isinstance(one, Recorded) and isinstance(other, Recorded):
        return one.by == other.by
    return one == other


def _written(then: Then[S]) -> str:
    match then:
        case Mark():
            return then.value
        case Recorded():
            return "recorded: " + " or ".join(str(there) for there in then.among)
        case status:
            return str(status)
