"""Draws the state as lines: exactly as many as the terminal has, each exactly as wide (terminal.md)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from makima_cli.monitor import rows
from makima_cli.monitor.agent_lines import agent_lines
from makima_cli.monitor.cells import (
    DIM,
    HEAD,
    NEEDS,
    Line,
    Piece,
    beside,
    between,
    fit,
    padded,
    rule,
    window,
)
from makima_cli.monitor.cursor import need_here
from makima_cli.monitor.details import details
from makima_cli.monitor.header import freshness, headline, panes
from makima_cli.monitor.help import HELP
from makima_cli.monitor.last_lines import last_lines
from makima_cli.monitor.model import Link, Need, Pane
from makima_cli.monitor.screen import WIDE, WIDEST
from makima_cli.monitor.scrolling import in_sight, scrolled
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.system_pane import system_lines
from makima_cli.monitor.vital_signs import vital_signs

MIN_SCREEN: Final = (60, 12)  # below this, one line
FULL_SCREEN: Final = (80, 24)  # below this, what needs you and contracts only
MOST_NEEDS: Final = 3
MOST_NEEDS_WIDE: Final = 5
T = TypeVar("T")


def draw(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    """The whole screen."""
    needs, real, now = state.needs(), now, state.shown_at(now)
    if width < MIN_SCREEN[0] or height < MIN_SCREEN[1]:
        if state.prompt is not None or state.notice:
            return padded(last_lines(state, width, height), height, width)
        word = "paused" if state.held.since else state.link
        text = f" {headline(state, needs, width)}".replace("   ", " · ") + f" · {word}"
        return padded([(Piece(fit(text, width)),)], height, width)
    top = [
        between(f"makima   {headline(state, needs, width)}", freshness(state, width, real), width, HEAD),
        panes(state, width),
    ]
    bottom = [rule(width), *last_lines(state, width, (height - len(top)) // 2)]
    if width >= WIDE and state.series and (signs := vital_signs(state.series, width))[0].text.strip():
        bottom = [rule(width), signs, *bottom]
    room = height - len(top) - len(bottom) - 1
    lines = [*top, rule(width), *padded(_middle(state, needs, width, room, now), room, width), *bottom]
    if state.link is Link.LIVE or state.link is Link.BEHIND:
        return lines
    return [tuple(Piece(piece.text, DIM) for piece in line) for line in lines]


def _middle(state: MonitorState, needs: list[Need], width: int, height: int, now: datetime) -> list[Line]:
    if state.help or state.reading:
        return in_sight(state, HELP if state.help else state.reading, width, height)
    if state.opened and (width < WIDEST or state.pane is not Pane.CONTRACTS):
        return details(state, state.opened, width, height, now)
    chosen = state.opened or state.subject()
    if width < WIDEST or state.pane is not Pane.CONTRACTS or not chosen:
        return _lists(state, needs, width, height, now, wide=width >= WIDE)
    left = width * 3 // 5
    right = width - left - 1
    return beside(
        _lists(state, needs, left, height, now, wide=True),
        details(state, chosen, right, height, now),
        left,
        right,
    )


def _lists(
    state: MonitorState, needs: list[Need], width: int, height: int, now: datetime, *, wide: bool
) -> list[Line]:
    if state.pane is Pane.SYSTEM:
        return scrolled(state, system_lines(state, width), width, height)
    if state.pane is not Pane.CONTRACTS and (state.whole or not wide):
        return _whole(state, width, height, now)
    waiting = _needs(state, needs, width, now)
    if width < FULL_SCREEN[0] or height < FULL_SCREEN[1] - 5:
        return [*waiting, *_contracts(state, width, height - len(waiting), now)]
    if not wide:
        tail = [rule(width), *_events(state, width, 2)]
        room = height - len(waiting) - len(tail)
        return [*waiting, *padded(_contracts(state, width, room, now), room, width), *tail]
    spare = height - len(waiting) - 2 - len(state.listed(now))  # what contracts do not need
    below = max(4, height // 3, spare)
    room = height - len(waiting) - below - 1
    left = width * 3 // 5
    right = width - left - 1
    agents, events = _agents(state, left, below, now), _events(state, right, below - 1)
    events = [(Piece(fit(" EVENTS", right), HEAD),), *events]
    return [
        *waiting,
        *padded(_contracts(state, width, room, now), room, width),
        rule(width),
        *beside(agents, events, left, right),
    ]


def _whole(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    """Agents, with what is known of the one under the cursor; or events."""
    if state.pane is Pane.EVENTS:
        return _events(state, width, height)
    about = agent_lines(state, width, now)
    if not about:
        return _agents(state, width, height, now)
    room = height - len(about) - 1
    return [*padded(_agents(state, width, room, now), room, width), rule(width), *about]


def _needs(state: MonitorState, needs: list[Need], width: int, now: datetime) -> list[Line]:
    if not needs:
        return []
    most = MOST_NEEDS if width < WIDE else MOST_NEEDS_WIDE
    here = need_here(state)
    place = needs.index(here) if here is not None and here in needs else 0
    first = window(len(needs), place, most)
    lines = [(Piece(between("NEEDS YOU", "oldest first", width)[0].text, NEEDS),)]
    lines += [rows.need(state, each, width, now, chosen=each == here) for each in needs[first : first + most]]
    more = len(needs) - most
    if more > 0:
        lines.append((Piece(fit(f" +{more} more: n", width), DIM),))
    return [*lines, rule(width)]


def _contracts(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    found = state.listed(now)
    chosen = state.selected[Pane.CONTRACTS]
    if not found:
        return [rows.contracts_head(width), (Piece(fit(f" {_nothing(state)}", width)),)]
    place = _place(found, chosen, lambda each: each.id)
    first = window(len(found), place, height - 1)
    on_row = need_here(state) is None
    shown = [
        rows.contract(state, each, width, now, chosen=on_row and each.id == chosen)
        for each in found[first : first + height - 1]
    ]
    return [rows.contracts_head(width), *shown]


def _agents(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    found = state.listed_agents()
    chosen = state.selected[Pane.AGENTS] if state.pane is Pane.AGENTS else ""
    place = _place(found, chosen, rows.agent_key)
    first = window(len(found), place, height - 1)
    shown = [
        rows.agent(state, each, width, now, chosen=rows.agent_key(each) == chosen)
        for each in found[first : first + height - 1]
    ]
    return [rows.agents_head(state, width), *shown] if shown else [(Piece(fit(" No agent matches.", width)),)]


def _events(state: MonitorState, width: int, height: int) -> list[Line]:
    found = state.once("events", state.listed_events, state.filters[Pane.EVENTS].text)
    chosen = state.selected[Pane.EVENTS] if state.pane is Pane.EVENTS else ""
    place = _place(found, chosen, rows.event_key)
    first = window(len(found), place, height) if chosen else 0
    shown = [
        rows.event(state, each, width, chosen=bool(chosen) and rows.event_key(each) == chosen)
        for each in found[first : first + height]
    ]
    return padded(shown, height, width)


def _nothing(state: MonitorState) -> str:
    wanted = state.filters[Pane.CONTRACTS]
    if not wanted.text:
        return "No contracts yet." if state.link is Link.LIVE else ""
    return f"No contract matches: {len(state.contracts)} are hidden by the filter {wanted.text}"


def _place(found: Sequence[T], chosen: str, key: Callable[[T], str]) -> int:
    """Of the row under the cursor; the first one without a cursor, of which there may be many thousands."""
    return next((place for place, each in enumerate(found) if key(each) == chosen), 0) if chosen else 0
