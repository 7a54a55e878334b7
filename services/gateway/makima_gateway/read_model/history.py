"""Reads a contract as of a version or a time, by the fold of the read model over the contract's stream."""

from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from makima_kernel.event_log.log import MAX_POSITION, Log
from makima_schemas.agent import AgentStatus
from makima_schemas.codec import decode
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import Recorded
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import (
    AgentKey,
    AgentRow,
    ContractRow,
    MessageRow,
    QuestionRow,
    Rows,
    TaskRow,
)

MERGED_EVENTS: Final = 1000  # of several streams, whose places are looked up at once
PAGE_EVENTS: Final = 64  # read from the log at once; an event may have 256 KiB


async def pages(
    log: Log, tenant: str, stream: str, after: int, limit: int | None
) -> AsyncIterator[list[Recorded]]:
    """The events of a stream with a version above `after`, in order, at most `limit` (null: all of them).

    They come in pages, so that a long history does not have to fit into memory.
    """
    left = limit
    while left is None or left > 0:
        requested = PAGE_EVENTS if left is None else min(PAGE_EVENTS, left)
        events = await log.stream(tenant, stream, after, requested)
        if events:
            yield events
            after = events[-1].version
        if len(events) < requested:
            return
        left = None if left is None else left - len(events)


@dataclass(frozen=True, slots=True)
class AsItWas:
    """A contract with its tasks, questions and messages as of a version or a time."""

    contract: ContractRow | None  # null: it did not exist then, or was deleted
    tasks: dict[str, TaskRow]  # by task id
    questions: dict[str, QuestionRow]  # by question id
    messages: dict[str, MessageRow]  # by message id
    agents: dict[AgentKey, AgentRow]  # what the contract's own stream says of them
    position: int  # of the contract's last event until then; 0: there was none


async def as_it_was(
    log: Log, tenant: str, contract_id: str, *, version: int | None = None, at: datetime | None = None
) -> AsItWas:
    """The contract at `version`, or at the time `at`; both null: at its newest version.

    The events of other streams (staleness, its supervisor) are not applied.
    """
    rows, position = Rows(), 0
    async for events in pages(log, tenant, stream_name("contract", contract_id), 0, version):
        for recorded in events:
            if at is None or recorded.recorded_at <= at:
                fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
                position = recorded.position
        rows.monitor_events.clear()
        if at is not None and events[-1].recorded_at > at:
            break
    return AsItWas(
        rows.contracts.get((tenant, contract_id)),
        {task.id: task for task in rows.tasks.values()},
        {question.id: question for question in rows.questions.values()},
        {message.id: message for message in rows.messages},
        rows.agents,
        position,
    )


@dataclass(frozen=True, slots=True)
class Until:
    """Up to and with a position of the log, or a time; both null: up to its end."""

    position: int | None = None
    at: datetime | None = None

    def includes(self, recorded: Recorded) -> bool:
        if self.position is not None:
            return recorded.position <= self.position
        return self.at is None or recorded.recorded_at <= self.at


async def folded_until(
    log: Log, tenant: str, streams: Sequence[str], until: Until, *, newest_of: Collection[str] = ()
) -> tuple[Rows, dict[str, Recorded]]:
    """The rows that the events of these streams make, in the order of the log; and of the streams `newest_of` the
    newest event of each type.
    """
    rows, newest, after = Rows(), dict[str, Recorded](), 0
    while positions := await log.positions_of(
        tenant, streams, after, MAX_POSITION, MERGED_EVENTS, newest_first=False
    ):
        for start in range(0, len(positions), PAGE_EVENTS):
            for recorded in await log.at(positions[start : start + PAGE_EVENTS]):
                if not until.includes(recorded):
                    return rows, newest
                fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
                if recorded.stream in newest_of:
                    newest[recorded.type] = recorded
            rows.monitor_events.clear()
        after = positions[-1]
    return rows, newest


def agent_streams(contract_id: str, roles: Sequence[str], supervisors: Sequence[str]) -> list[str]:
    """The streams that say what the agents of a contract are: its supervisors', and those of the other roles."""
    others = [role for role in roles if role != SUPERVISOR_ROLE]
    return [
        *(stream_name("supervisor", task_id) for task_id in supervisors),
        *(stream_name("agent", agent_id(contract_id, role)) for role in others),
    ]


async def agents_as_they_were(
    log: Log,
    contract: ContractRow,
    agents: dict[AgentKey, AgentRow],
    *,
    roles: Sequence[str],
    supervisors: Sequence[str],
    until: Until,
) -> list[AgentRow]:
    """The agents of these roles, and the one that follows from these supervisors, by role.

    `contract` and `agents` are what its own stream says of that time.
    """
    key = (contract.tenant, contract.id)
    rows = Rows(contracts={key: replace(contract, supervisor_task_id=None)}, agents=agents)
    for stream in agent_streams(contract.id, roles, supervisors):
        await _fold_until(log, rows, contract.tenant, stream, until)
    return [rows.agents[key] for key in sorted(rows.agents)]


async def _fold_until(log: Log, rows: Rows, tenant: str, stream: str, until: Until) -> None:
    async for events in pages(log, tenant, stream, 0, None):
        for recorded in events:
            if not until.includes(recorded):
                return
            fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
        rows.monitor_events.clear()


@dataclass(frozen=True, slots=True)
class AgentChange:
    """The event `recorded` made `old` of an agent `new`: another status, or another connection."""

    old: AgentRow
    new: AgentRow
    recorded: Recorded


async def agent_changes(
    log: Log, contract: ContractRow, role: str, supervisors: Sequence[str], limit: int
) -> list[AgentChange]:
    """The newest `limit` changes of an agent, newest first, as they were when the contract had not ended."""
    key = (contract.tenant, contract.id, role)
    open_contract = replace(contract, supervisor_task_id=None, status=ContractStatus.ACTIVE)
    rows = Rows(contracts={key[:2]: open_contract})
    found = deque[AgentChange](maxlen=limit)
    for stream in agent_streams(contract.id, [role], supervisors):
        async for events in pages(log, contract.tenant, stream, 0, None):
            for recorded in events:
                before = rows.agents.get(key)
                old = None if before is None else replace(before)
                fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
                _note_change(found, old, rows.agents.get(key), recorded)
            rows.monitor_events.clear()
    return sorted(found, key=lambda each: -each.recorded.position)


def _note_change(
    found: deque[AgentChange], old: AgentRow | None, new: AgentRow | None, recorded: Recorded
) -> None:
    if new is None:
        return
    was = old or replace(new, agent_status=AgentStatus.OFFLINE, connection_id=None)
    if (was.agent_status, was.connection_id) != (new.agent_status, new.connection_id):
        found.append(AgentChange(was, replace(new), recorded))
