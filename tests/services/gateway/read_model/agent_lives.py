"""An agent and a supervisor of one contract, as events of their streams tell of them."""

from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import AgentRow, Rows
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from tests.services.contract.contract_states import opened
from tests.services.gateway.read_model.folded import folded
from tests.services.gateway.read_model.random_logs import recorded

A = AgentStatus
JOINED = AgentJoined("c1", "builder", "k1", "d1")


def changed(old: A, new: A, trigger: str, **members: object) -> AgentStatusChanged:
    return AgentStatusChanged("c1", "builder", old, new, trigger, "k1", **members)  # pyright: ignore[reportArgumentType]


def life(*events: Event, stream: str = "agent-c1:builder") -> Rows:
    """Of a contract that there is; each event one second after the one before."""
    rows = folded(opened())
    for position, event in enumerate(events, 2):
        fold(rows, recorded(event, position, stream=stream, version=position - 1), event)
    return rows


def agent(rows: Rows, role: str = "builder") -> AgentRow:
    return rows.agents["default", "c1", role]


SUPERVISOR = ("c1", "d1", "s1")


def state(old: SupervisorState, new: SupervisorState, **members: object) -> SupervisorStateChanged:
    by = "heartbeat_expired" if members else "heartbeat"
    return SupervisorStateChanged(*SUPERVISOR, old, new, "plan", by, **members)  # pyright: ignore[reportArgumentType]


S = SupervisorState
REGISTERED = SupervisorRegistered(*SUPERVISOR, S.WORKING, "plan")
