"""Keys that change what is seen: the cursor, the pane, the selection, the version of an opened contract."""

from datetime import datetime
from typing import Final

from makima_cli.monitor.model import Pane
from makima_cli.monitor.record import Tab
from makima_cli.monitor.rows import agent_key, event_key
from makima_cli.monitor.screen import WIDE
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.tabs import count
from makima_cli.monitor.time_slider import stepped

_SIDE_BY_SIDE: Final = (Pane.CONTRACTS, Pane.AGENTS, Pane.EVENTS)
TO_TOP: Final = -(10**9)


def next_pane(state: MonitorState) -> None:
    panes = _SIDE_BY_SIDE if state.width >= WIDE else tuple(Pane)
    place = panes.index(state.pane) + 1 if state.pane in panes else 0
    state.pane, state.whole = panes[place % len(panes)], state.width < WIDE
    state.opened, state.scroll = "", 0


def _ids(state: MonitorState, now: datetime) -> list[str]:
    match state.pane:
        case Pane.CONTRACTS:
            return [each.id for each in state.listed(now)]
        case Pane.AGENTS:
            return [agent_key(each) for each in state.listed_agents()]
        case Pane.EVENTS:
            return [event_key(each) for each in state.listed_events()]
        case Pane.SYSTEM:
            return []


def move(state: MonitorState, step: int, now: datetime) -> None:
    if state.opened:
        _move_in_tab(state, step)
        return
    if state.pane is Pane.SYSTEM:
        scroll(state, step)
        return
    if step == TO_TOP:
        state.rearrange()
    ids = _ids(state, now)
    if not ids:
        return
    chosen = state.selected[state.pane]
    place = ids.index(chosen) + step if chosen in ids else 0
    state.selected[state.pane] = ids[max(0, min(place, len(ids) - 1))]
    state.on_need = ""


def scroll(state: MonitorState, step: int) -> None:
    """Of a text that takes the screen; where it ends is known when it is drawn."""
    state.scroll = max(0, state.scroll + step)


def _move_in_tab(state: MonitorState, step: int) -> None:
    inside = state.inside
    record = inside.known(state.opened)
    if record is None:
        return
    row = inside.place(state.opened) if inside.tab is Tab.AGENTS else inside.row
    inside.row, inside.role = max(0, min(row + step, count(record, inside.tab) - 1)), ""
    inside.role = inside.agent(state.opened)


def slide(state: MonitorState, key: str) -> None:
    known, inside = state.contracts.get(state.opened), state.inside
    if known is not None:
        inside.at = stepped(inside.record, inside.at, known.version, key)


def next_need(state: MonitorState) -> None:
    waiting = state.needs()
    if not waiting:
        state.notice = "Nothing waits for you."
        return
    keys = [need.key for need in waiting]
    need = waiting[(keys.index(state.on_need) + 1) % len(keys) if state.on_need in keys else 0]
    state.pane, state.on_need = Pane.CONTRACTS, need.key
    state.selected[Pane.CONTRACTS] = need.contract_id
    if state.opened:
        state.opened = need.contract_id
        state.inside.begin(need.role)


def mark(state: MonitorState, now: datetime, *, to_here: bool) -> None:
    chosen = state.selected[Pane.CONTRACTS]
    if not to_here or not state.marked:
        if state.marked.pop(chosen, True) is not None:
            state.marked[chosen] = None
        return
    ids = [each.id for each in state.listed(now)]
    last = next(reversed(state.marked))
    if last in ids and chosen in ids:
        first, end = sorted((ids.index(last), ids.index(chosen)))
        state.marked |= dict.fromkeys(ids[first : end + 1])
