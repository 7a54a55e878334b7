"""The first two lines: how things stand, how fresh the screen is, the panes, and what is in force."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import ENDED
from rich.cells import cell_len

from makima_cli.monitor.cells import Line, between, fit
from makima_cli.monitor.model import ORDERS, PANE_FILTERS, Link, Need, Pane
from makima_cli.monitor.screen import BEHIND_SECONDS, WIDE
from makima_cli.monitor.state import MonitorState

MIN_FILTER: Final = 8  # columns


def headline(state: MonitorState, needs: Sequence[Need], width: int) -> str:
    agents, contracts = state.once("counts", lambda: _counts(state))
    return f"{len(needs)} need you   {agents}" + ("" if width < WIDE else f"   {contracts}")


def _counts(state: MonitorState) -> tuple[str, str]:
    """The headline's figures of agents, and of contracts."""
    count = Counter([each.agent_status or each.status_now for each in state.agents.values()])
    alive = count[AgentStatus.READY] + count[AgentStatus.WORKING]
    dead = count[AgentStatus.DEAD] + count[AgentStatus.DEAD_FAILED_REVIVE]
    expected = len(state.agents) - count[AgentStatus.OFFLINE]
    stuck = [each.stuck for each in state.agents.values()].count(True)
    active = [each.status for each in state.contracts.values()].count(ContractStatus.ACTIVE)
    stale = sum(each.status not in ENDED for each in state.contracts.values() if each.stale)
    agents = f"{alive}/{expected} alive   {dead} dead   {stuck} stuck"
    return agents, f"{active} contracts active   {stale} stale"


def freshness(state: MonitorState, width: int, now: datetime) -> str:
    """How fresh the screen is."""
    behind = state.behind(now)
    if state.held.since is not None:
        return f"‖ paused, {state.held.count} held"
    match state.link:
        case Link.LIVE | Link.BEHIND:
            if state.link is Link.BEHIND or (behind or 0.0) > BEHIND_SECONDS:
                return f"◆ behind{'' if behind is None else f' {behind:.1f}s'}"
            position = f"● live  {'position ' if width >= WIDE else ''}{state.position}"
            return (
                position
                if behind is None
                else f"{position}  {behind:.1f}s{' behind' if width >= WIDE else ''}"
            )
        case Link.RECONNECTING if state.lost_at:
            lost = f", lost {state.lost_at:%H:%M:%S}" if width >= WIDE else ""
            wait = max(0, round((state.retry_at - now).total_seconds())) if state.retry_at else 0
            return f"□ reconnecting ({state.attempts}){f' in {wait}s' if wait else ''}{lost}"
        case _:
            return f"□ {state.link}"


def panes(state: MonitorState, width: int) -> Line:
    counts = {Pane.CONTRACTS: len(state.contracts), Pane.AGENTS: len(state.agents)}
    names = [f"{pane.value} {pane.name.title()} {counts.get(pane, '')}".rstrip() for pane in Pane]
    here = [
        f"[{name}]" if pane is state.pane else f" {name} " for pane, name in zip(Pane, names, strict=True)
    ]
    names_of_panes = " ".join(here)
    in_force = "  ".join(_in_force(state))
    room = max(width - cell_len(names_of_panes) - 4, MIN_FILTER)  # a long filter gives way
    return between(names_of_panes, fit(in_force, min(cell_len(in_force), room)), width)


def _in_force(state: MonitorState) -> list[str]:
    """What came and is not shown, what is selected, the order if another was asked for, and the filter."""
    parts: list[str] = []
    places, order = state.places.get(state.pane), state.orders.get(state.pane, "")
    if places is not None and places.new > 0:
        parts.append(f"↑ {places.new} new: g")
    if state.marked:
        parts.append(f"{len(state.marked)} selected")
    if order and order != ORDERS[state.pane][0]:
        parts.append(f"by {order}")
    filters = [f"/ {state.filters[state.pane].text or 'filter'}"] if PANE_FILTERS[state.pane] else []
    return [*parts, *filters]
