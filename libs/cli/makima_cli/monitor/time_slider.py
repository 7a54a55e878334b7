"""A contract's time in one line: a cell for each event, waits compressed to one, and where one is in it."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from makima_cli.monitor.cells import HEAD, Line, Piece, fit
from makima_cli.monitor.record import Inside, Logged, Record

WAIT: Final = timedelta(seconds=30)
_RANK: Final = "─░├▪"  # of signs that share a cell, the last one stands


def slider(record: Record | None, inside: Inside, newest: int, width: int) -> Line:
    """`newest` is the contract's version now."""
    at = newest if inside.at is None else inside.at
    left = f" ◂ v{at} of {newest} ▸   "
    right = "  now   [ ] {{ }} . time " if inside.at is None else "  THEN  [ ] {{ }} . now "
    right = right.replace("{{", "{").replace("}}", "}")
    room = width - len(left) - len(right)
    log = record.log if record else ()
    shown = f"{left}{_strip(log, at, max(room, 0))}{right}"
    return (Piece(fit(shown, width), "" if inside.at is None else HEAD),)


def _strip(log: tuple[Logged, ...], at: int, room: int) -> str:
    if not log or room < 1:
        return "─" * room
    signs: list[str] = []
    before = log[0]
    for event in log:
        if event.at - before.at > WAIT:
            signs.append("░")
        here = "▪" if event.version == at else "├" if event.kind == "PhaseChanged" else "─"
        signs.append(here)
        before = event
    cells = ["─"] * room
    for place, sign in enumerate(signs):
        cell = place * room // len(signs)
        if len(signs) < room:
            cell = min(round(place * (room - 1) / max(len(signs) - 1, 1)), room - 1)
        cells[cell] = max(cells[cell], sign, key=_RANK.index)
    return "".join(cells)


def stepped(record: Record | None, at: int | None, newest: int, key: str) -> int | None:
    """The version that `[ ] { } .` lead to; None: now."""
    now = newest if at is None else at
    changes = [event.version for event in (record.phase_changes() if record else [])]
    match key:
        case "[":
            to = now - 1
        case "]":
            to = now + 1
        case "{":
            to = max((version for version in changes if version < now), default=1)
        case "}":
            to = min((version for version in changes if version > now), default=newest)
        case _:
            to = newest
    return None if to >= newest else max(to, 1)


def phase_times(record: Record) -> dict[str, float]:
    """How long each phase that has ended took, in seconds, as far back as the log is held."""
    changes = _begun(record)
    return {
        str(after.members.get("from_phase")): (after.at - before.at).total_seconds()
        for before, after in pairwise(changes)
    }


def phase_began(record: Record) -> datetime | None:
    """When the phase of the shown version began; None: the log is not held that far back."""
    until = record.contract.version if record.at is None else record.at
    return max((event.at for event in _begun(record) if event.version <= until), default=None)


def moment_of(record: Record) -> datetime | None:
    """When the shown version came about; None: it is now."""
    if record.at is None:
        return None
    return next((event.at for event in reversed(record.log) if event.version <= record.at), None)


def _begun(record: Record) -> list[Logged]:
    """The events with which phases began."""
    started = next((event for event in record.log if event.kind == "ContractStarted"), None)
    return [*([started] if started else []), *record.phase_changes()]
