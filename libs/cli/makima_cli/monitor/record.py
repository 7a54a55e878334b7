"""What the server tells of one contract, opened: now, or as it was at a version of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from makima_sdk.agents import AgentRecord
from makima_sdk.models import Contract, Question, Task

MAX_LOG: Final = 2_000  # events of a contract that are held: its newest


class Tab(IntEnum):
    EVENTS = 1
    TASKS = 2
    DELIVERABLES = 3
    QUESTIONS = 4
    AGENTS = 5


class Logged(NamedTuple):
    """An event of the contract's own stream."""

    version: int
    at: datetime
    kind: str  # without the prefix and the schema's version
    members: Mapping[str, object]


class Condition(NamedTuple):
    """What the contract needs to leave its phase, as `/phase-readiness` tells it."""

    kind: str  # deliverable, tasks, task, validator, switch or guard
    id: str
    name: str
    state: str  # met, missing, unknown or not_required
    since: datetime | None = None
    evidence: str = ""
    waits_for: str = ""  # who must act: a role, or a kind of them


class Gate(NamedTuple):
    """The gate of a phase as it was evaluated."""

    conditions: tuple[Condition, ...]
    next_phase: str | None  # None: the last one
    evaluated_by: str
    evaluated_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """`at`: the version that was asked for; None: now. The diagnosis is known of now alone."""

    contract: Contract
    at: int | None = None
    read_at: datetime | None = None
    gate: Gate | None = None  # None: it was refused to this caller
    verdict: str = ""
    reasons: tuple[Mapping[str, object], ...] = ()
    tasks: tuple[Task, ...] = ()
    questions: tuple[Question, ...] = ()
    agents: tuple[AgentRecord, ...] = ()
    log: tuple[Logged, ...] = ()  # oldest first

    def phase_changes(self) -> list[Logged]:
        return [each for each in self.log if each.kind == "PhaseChanged"]


@dataclass(slots=True)
class Inside:
    """Where a person is in an opened contract. `at` None: now, else a version."""

    tab: Tab = Tab.EVENTS
    row: int = 0
    at: int | None = None
    record: Record | None = None
    role: str = ""  # the agent that the cursor was moved to in its tab

    def known(self, contract_id: str) -> Record | None:
        """What was read of this contract at this version, if it was read."""
        record = self.record
        return record if record and (record.contract.id, record.at) == (contract_id, self.at) else None

    def place(self, contract_id: str) -> int:
        """The row of the tab of agents that the cursor is on: where its agent is now."""
        record = self.known(contract_id)
        roles = [each.role for each in record.agents] if record else []
        return roles.index(self.role) if self.role in roles else max(0, min(self.row, len(roles) - 1))

    def agent(self, contract_id: str) -> str:
        """The role of the agent under the cursor of its tab; empty: none."""
        record = self.known(contract_id)
        if self.tab is not Tab.AGENTS:
            return ""
        return record.agents[self.place(contract_id)].role if record and record.agents else self.role

    def go_to(self, tab: Tab) -> None:
        if tab is not self.tab:
            self.tab, self.row, self.role = tab, 0, ""

    def begin(self, role: str = "") -> None:
        """Another contract is opened, or none; with `role` at that agent of it."""
        self.tab, self.row, self.at, self.role = (Tab.AGENTS if role else Tab.EVENTS), 0, None, role
