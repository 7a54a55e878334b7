"""Response schemas of what waits for a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import QuestionType

from makima_gateway.api.schemas.contracts import Deliverable
from makima_gateway.needs_you.queries import Kind


@dataclass(frozen=True, slots=True)
class NeedContract:
    id: str
    name: str
    phase: str
    phases: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class NeedQuestion:
    id: str
    question: str
    question_type: QuestionType
    options: list[str]


@dataclass(frozen=True, slots=True)
class NeedAgent:
    role: str
    daemon_id: str | None
    agent_status: AgentStatus


@dataclass(frozen=True, slots=True)
class AskedBy:
    role: str
    agent_status: AgentStatus
    last_heartbeat_at: datetime | None  # its arrival at the broker; null: not known


@dataclass(frozen=True, slots=True)
class HoldsUp:
    """What stands still meanwhile, of the contract."""

    agents: int  # that are ready, working or restarting
    tasks: int  # that are not done


@dataclass(frozen=True, slots=True)
class Act:
    """The request that ends the wait, or the one before it: nobody is restarted in a paused contract, so that is resumed
    first. A member that is null is what the person says.
    """

    method: Literal["POST"]
    path: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for a person."""

    kind: Kind
    since: datetime  # for so long it has waited
    contract: NeedContract
    question: NeedQuestion | None  # of `question`
    next_phase: str | None  # of `phase_confirmation`
    deliverables: list[Deliverable] | None  # of `phase_confirmation`: those of the phase that is to be left
    reason: str | None  # of `blocked` and `unrecoverable`
    agent: NeedAgent | None  # of `unrecoverable`
    asked_by: AskedBy | None  # of `question`; null: no agent asked it under its own token
    holds_up: HoldsUp
    act: Act


@dataclass(frozen=True, slots=True)
class NeedPage:
    """Longest waiting first."""

    items: list[Need]
    next_cursor: str | None
    total: int  # on all pages
