"""What the monitor's state is made of: panes, needs, prompts, and the order of lists."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import NOT_RESTARTED_STATUSES, ContractStatus
from makima_sdk.agents import AgentRecord
from makima_sdk.models import ENDED, Contract

from makima_cli.monitor.wanted import AGENTS, CONTRACTS, EVENTS, Members
from makima_cli.phases import phase_after

WAITING: Final = frozenset({ContractStatus.BLOCKED, ContractStatus.WAITING_FOR_INPUT})
# Those that run: nobody is restarted before the start, in a pause, and after the end.
RESTARTED_IN: Final = frozenset(ContractStatus) - {ContractStatus.CREATED, *NOT_RESTARTED_STATUSES, *ENDED}


class Pane(IntEnum):
    CONTRACTS = 1
    AGENTS = 2
    EVENTS = 3
    SYSTEM = 4


PANE_FILTERS: Final[Mapping[Pane, Members]] = {
    Pane.CONTRACTS: CONTRACTS,
    Pane.AGENTS: AGENTS,
    Pane.EVENTS: EVENTS,
    Pane.SYSTEM: {},
}


class Link(StrEnum):
    """The connection to the server."""

    CONNECTING = "connecting"
    LIVE = "live"
    BEHIND = "behind"
    RECONNECTING = "reconnecting"


class Need(NamedTuple):
    """Something that waits for a person."""

    kind: str  # question, confirm, blocked or revive
    contract_id: str
    since: datetime
    text: str
    role: str = ""  # the agent that it is about; empty: the contract

    @property
    def key(self) -> str:
        """What the cursor is on: a contract may have several needs."""
        return f"{self.kind}\n{self.contract_id}\n{self.role}"


class Prompt(NamedTuple):
    """What is being typed in the last line, and for what."""

    kind: str  # filter, answer, batch (which action), or an action that asks whether to do it
    contract_id: str = ""
    text: str = ""
    asks: str = ""
    question_id: str = ""
    value: str = ""  # the phase that was named
    version: int | None = None  # of the contract as it was shown when this was asked
    choices: tuple[str, ...] = ()  # of a question; a number stands for one
    items: tuple[tuple[str, int], ...] = ()  # contracts and their versions, of a batch


def next_phase(contract: Contract) -> str | None:
    """The phase after the present one; None after the last."""
    return phase_after(contract.phase_names, contract.phase)


_RANK: Final = {
    ContractStatus.WAITING_FOR_INPUT: 0,
    ContractStatus.BLOCKED: 0,
    ContractStatus.ACTIVE: 1,
    ContractStatus.COMPLETING: 2,
    ContractStatus.PAUSED: 3,
    ContractStatus.CREATED: 4,
    ContractStatus.FAILED: 5,
    ContractStatus.COMPLETED: 6,
    ContractStatus.ARCHIVED: 7,
}


def contract_order(contract: Contract) -> tuple[int, datetime, str]:
    rank = _RANK[contract.status]
    return rank, contract.created_at if rank else contract.status_changed_at, contract.id


def _moved(contract: Contract) -> tuple[datetime, str]:
    return contract.last_activity_at or contract.created_at, contract.id


_LAST: Final = datetime.max.replace(tzinfo=UTC)
# By name of the order; the first one is in force until somebody asks for another.
CONTRACT_ORDERS: Final[Mapping[str, Callable[[Contract], tuple[object, ...]]]] = {
    "needs you": contract_order,
    "moved": _moved,
    "name": lambda contract: (contract.name, contract.id),
    "newest": lambda contract: (_LAST - contract.created_at, contract.id),
}

_AGENT_RANK: Final = {
    AgentStatus.DEAD_FAILED_REVIVE: 0,
    AgentStatus.DEAD: 1,
    AgentStatus.RESTARTING: 2,
    AgentStatus.WORKING: 4,
    AgentStatus.READY: 5,
    AgentStatus.OFFLINE: 6,
}


def agent_order(agent: AgentRecord) -> tuple[int, str, str]:
    rank = 3 if agent.stuck else _AGENT_RANK[agent.status_now]
    return rank, agent.contract_id, agent.role


_NEVER: Final = datetime.min.replace(tzinfo=UTC)
AGENT_ORDERS: Final[Mapping[str, Callable[[AgentRecord], tuple[object, ...]]]] = {
    "dead first": agent_order,
    "moved": lambda agent: (agent.progress_at or agent.since or _NEVER, agent.contract_id, agent.role),
    "role": lambda agent: (agent.role, agent.contract_id),
}
ORDERS: Final[Mapping[Pane, tuple[str, ...]]] = {
    Pane.CONTRACTS: tuple(CONTRACT_ORDERS),
    Pane.AGENTS: tuple(AGENT_ORDERS),
}


def latest_activity(contract: Contract, known: Contract | None) -> Contract:
    times = [each.last_activity_at for each in (contract, known) if each and each.last_activity_at]
    return replace(contract, last_activity_at=max(times, default=None))
