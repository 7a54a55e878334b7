"""What the cursor is on: something that waits, a contract, or an agent."""

from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_cli.monitor.model import Need, Pane
from makima_cli.monitor.state import MonitorState


def need_here(state: MonitorState) -> Need | None:
    """What waits, if the cursor is on it and it still does."""
    if not state.on_need or state.opened or state.pane is not Pane.CONTRACTS:
        return None
    return next((need for need in state.needs() if need.key == state.on_need), None)


def on_agent(state: MonitorState) -> str:
    """The role of the agent that the cursor is on; empty: it is on none."""
    if state.opened:
        return state.inside.agent(state.opened)
    if state.pane is Pane.AGENTS:
        return state.selected[Pane.AGENTS].partition("\n")[2]
    need = need_here(state)
    return need.role if need else ""


def agent_here(state: MonitorState) -> tuple[str, str] | None:
    """Contract and role that actions on an agent are about: of a contract, its supervisor."""
    contract_id = state.subject()
    return (contract_id, on_agent(state) or SUPERVISOR_ROLE) if contract_id else None


def is_on_contract(state: MonitorState) -> bool:
    """True if acts on a contract are about what the cursor is on: not an agent, an event or the system."""
    need = need_here(state)
    return bool(state.opened) or (state.pane is Pane.CONTRACTS and not (need and need.role))
