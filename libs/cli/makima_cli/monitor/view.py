"""Draws the state as lines: exactly as many as the terminal has, each exactly as wide (terminal.md)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import ENDED

from makima_cli.monitor import rows
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
from makima_cli.monitor.details import details
from makima_cli.monitor.model import Link, Need, Pane
from makima_cli.monitor.state import MonitorState

WIDE: Final = 110  # columns from which agents and events stand side by side under the contracts
WIDEST: Final = 160  # columns from which the contract under the cursor stands at the right
MIN_SCREEN: Final = (60, 12)  # below this, one line
MOST_NEEDS: Final = 3
HELP: Final = (
    "1 2 3     contracts, agents, events",
    "j k ↓ ↑   move              g G Space  top, end, page",
    "Enter Esc open, back        n          next thing that waits for you",
    "/         filter: status:active,blocked phase:plan stale:true waiting:true threshold:30m words",
    "          agents: status:dead stuck:true words       events: type:QuestionAsked words",
    "a         answer the question (a choice by its number)",
    "c         confirm the phase",
    "P U F     pause or resume, unblock, fail: each asks first",
    "q Ctrl-C  quit",
)


def draw(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    """The whole screen."""
    needs = state.needs()
    if width < MIN_SCREEN[0] or height < MIN_SCREEN[1]:
        return padded([(Piece(fit(" " + _headline(state, needs, width), width)),)], height, width)
    top = [
        between(f"makima   {_headline(state, needs, width)}", _freshness(state), width, HEAD),
        _panes(state, width),
    ]
    bottom = [rule(width), _keys(state, width)]
    middle = padded(_middle(state, needs, width, height - len(top) - len(bottom) - 1, now), height - 5, width)
    lines = [*top, rule(width), *middle, *bottom]
    if state.link is Link.LIVE or state.link is Link.BEHIND:
        return lines
    return [tuple(Piece(piece.text, DIM) for piece in line) for line in lines]


def _middle(state: MonitorState, needs: list[Need], width: int, height: int, now: datetime) -> list[Line]:
    if state.help:
        return [(Piece(fit(" " + line, width)),) for line in HELP]
    if state.opened and width < WIDEST:
        return details(state, state.opened, width, height, now)
    chosen = state.opened or state.subject()
    if width < WIDEST or state.pane is not Pane.CONTRACTS or not chosen:
        return _lists(state, needs, width, height, now)
    left = width * 3 // 5
    right = width - left - 1
    return beside(
        _lists(state, needs, left, height, now), details(state, chosen, right, height, now), left, right
    )


def _lists(state: MonitorState, needs: list[Need], width: int, height: int, now: datetime) -> list[Line]:
    if state.pane is Pane.AGENTS:
        return _agents(state, width, height, now)
    if state.pane is Pane.EVENTS:
        return _events(state, width, height)
    waiting = _needs(state, needs, width, now)
    if width < WIDE:
        tail = [rule(width), *_events(state, width, 2)]
        room = height - len(waiting) - len(tail)
        return [*waiting, *padded(_contracts(state, width, room, now), room, width), *tail]
    below = max(4, height // 3)
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


def _headline(state: MonitorState, needs: Sequence[Need], width: int) -> str:
    agents, contracts = state.once("counts", lambda: _counts(state))
    return f"{len(needs)} need you   {agents}" + ("" if width < WIDE else f"   {contracts}")


def _counts(state: MonitorState) -> tuple[str, str]:
    """The headline's figures of agents, and of contracts."""
    count = Counter(each.status_now for each in state.agents.values())
    alive = count[AgentStatus.READY] + count[AgentStatus.WORKING]
    dead = count[AgentStatus.DEAD] + count[AgentStatus.DEAD_FAILED_REVIVE]
    expected = len(state.agents) - count[AgentStatus.OFFLINE]
    stuck = sum(each.stuck for each in state.agents.values())
    active = sum(each.status is ContractStatus.ACTIVE for each in state.contracts.values())
    stale = sum(each.stale and each.status not in ENDED for each in state.contracts.values())
    agents = f"{alive}/{expected} alive   {dead} dead   {stuck} stuck"
    return agents, f"{active} contracts active   {stale} stale"


def _freshness(state: MonitorState) -> str:
    match state.link:
        case Link.LIVE:
            return f"● live  {state.position}"
        case Link.BEHIND:
            return f"◆ behind  {state.position}"
        case _:
            return f"□ {state.link}"


def _panes(state: MonitorState, width: int) -> Line:
    counts = {Pane.CONTRACTS: len(state.contracts), Pane.AGENTS: len(state.agents), Pane.EVENTS: None}
    names = [
        f"{pane.value} {pane.name.title()}{'' if count is None else f' {count}'}"
        for pane, count in counts.items()
    ]
    here = [
        f"[{name}]" if pane is state.pane else f" {name} " for pane, name in zip(counts, names, strict=True)
    ]
    return between(" ".join(here), f"/ {state.filters[state.pane].text or 'filter'}", width)


def _needs(state: MonitorState, needs: list[Need], width: int, now: datetime) -> list[Line]:
    if not needs:
        return []
    lines = [(Piece(between("NEEDS YOU", "oldest first", width)[0].text, NEEDS),)]
    lines += [rows.need(state, each, width, now, chosen=False) for each in needs[:MOST_NEEDS]]
    more = len(needs) - MOST_NEEDS
    if more > 0:
        lines.append((Piece(fit(f" +{more} more: n", width), DIM),))
    return [*lines, rule(width)]


def _contracts(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    found = state.listed(now)
    chosen = state.selected[Pane.CONTRACTS]
    if not found:
        return [rows.contracts_head(width), (Piece(fit(f" {_nothing(state)}", width)),)]
    place = next((place for place, each in enumerate(found) if each.id == chosen), 0)
    first = window(len(found), place, height - 1)
    shown = [
        rows.contract(state, each, width, now, chosen=each.id == chosen)
        for each in found[first : first + height - 1]
    ]
    return [rows.contracts_head(width), *shown]


def _agents(state: MonitorState, width: int, height: int, now: datetime) -> list[Line]:
    found = state.listed_agents()
    chosen = state.selected[Pane.AGENTS] if state.pane is Pane.AGENTS else ""
    place = next((place for place, each in enumerate(found) if rows.agent_key(each) == chosen), 0)
    first = window(len(found), place, height - 1)
    shown = [
        rows.agent(state, each, width, now, chosen=rows.agent_key(each) == chosen)
        for each in found[first : first + height - 1]
    ]
    return [rows.agents_head(width), *shown] if shown else [(Piece(fit(" No agent matches.", width)),)]


def _events(state: MonitorState, width: int, height: int) -> list[Line]:
    """The latest first. A filter counts where events are the pane."""
    wanted = state.filters[Pane.EVENTS]
    lines: list[Line] = []
    for each in reversed(state.events):
        if len(lines) >= height:
            break
        name = state.name(str(each.get("contract_id")))
        if wanted.event(str(each.get("type")), f"{name} {rows.event_text(each)}"):
            lines.append(rows.event(state, each, width))
    return padded(lines, height, width)


def _nothing(state: MonitorState) -> str:
    wanted = state.filters[Pane.CONTRACTS]
    if not wanted.text:
        return "No contracts yet." if state.link is Link.LIVE else ""
    return f"No contract matches: {len(state.contracts)} are hidden by the filter {wanted.text}"


def _keys(state: MonitorState, width: int) -> Line:
    """What is typed, else what the last action came to, else the keys that do something here."""
    if state.prompt is not None:
        asks = state.prompt.asks
        return (Piece(fit(f" {asks} {state.prompt.text}▏", width), NEEDS),)
    if state.notice:
        return (Piece(fit(f" {state.notice}", width), NEEDS),)
    known = state.contracts.get(state.subject())
    keys: list[str] = []
    if known and known.status is ContractStatus.WAITING_FOR_INPUT:
        keys.append("c confirm" if known.waiting_for == "phase_confirmation" else "a answer")
    if known and known.status in (ContractStatus.ACTIVE, ContractStatus.PAUSED):
        keys.append("P pause" if known.status is ContractStatus.ACTIVE else "P resume")
    if known and known.status is ContractStatus.BLOCKED:
        keys.append("U unblock")
    keys.append("Esc back" if state.opened else "Enter open")
    return (Piece(fit(f" {'  '.join([*keys, 'n next', '/ filter', '? keys', 'q quit'])}", width), DIM),)
