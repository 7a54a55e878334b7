"""Makes an event's monitor message (interfaces.md, Monitor): at most one per position, stored as sent."""

from functools import lru_cache
from typing import Final

import orjson
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    DeliverableCompleted,
    PhaseChanged,
    QuestionAnswered,
    QuestionAsked,
    TaskCompleted,
    TaskFailed,
)
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import Recorded
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged
from makima_schemas.times import rfc3339

from makima_gateway.read_model.fold_agents import restart_count, step
from makima_gateway.read_model.rows import MonitorRow

# Event types that may have a message of their own, beside StatusChanged. This look-up skips the others.
WITH_MESSAGE: Final[frozenset[type]] = frozenset(
    {
        PhaseChanged,
        SupervisorRegistered,
        SupervisorStateChanged,
        StaleDetected,
        StaleCleared,
        TaskCompleted,
        TaskFailed,
        DeliverableCompleted,
        QuestionAsked,
        QuestionAnswered,
        AgentJoined,
        AgentStatusChanged,
        AgentLeft,
    }
)
_stamp = lru_cache(maxsize=64)(rfc3339)  # events that were appended together have the same time


def monitor_event(
    recorded: Recorded,
    event: Event,
    contract_id: str | None,
    before: ContractStatus | None,
    after: ContractStatus | None,
    *,
    name: str | None,
) -> MonitorRow | None:
    """The monitor message of an event; None if it has none.

    An event that changes the contract's status becomes StatusChanged, whatever its type. `before` and `after`
    are the statuses around the event (null: the contract did not exist yet, or is deleted); `name` is the
    contract's, also of one that the event deletes.
    """
    if contract_id is None:
        return None
    if before is not after:
        kind, members = (
            "StatusChanged",
            {
                "old_status": before,
                "new_status": after,
                "reason": getattr(event, "reason", None),
                "waiting_for": getattr(event, "waiting_for", None)
                if after is ContractStatus.WAITING_FOR_INPUT
                else None,
            },
        )
    elif type(event) in WITH_MESSAGE and (content := _message(recorded, event)) is not None:
        kind, members = content
    else:
        return None
    members["contract_id"], members["name"] = contract_id, name
    message = f'{{"type":"{kind}","position":{recorded.position},"timestamp":"{_stamp(recorded.recorded_at)}",{orjson.dumps(members).decode()[1:]}'
    return MonitorRow(recorded.position, recorded.tenant, contract_id, before, after, kind, message)


def _message(recorded: Recorded, event: Event) -> tuple[str, dict[str, object]] | None:  # noqa: C901 - one case per event
    """The message's type and members."""
    match event:
        case TaskCompleted(task_id=task_id, name=name):
            return "TaskCompleted", {"task_id": task_id, "task_name": name, "success": True}
        case DeliverableCompleted(phase=phase, deliverable_id=deliverable):
            return "DeliverableCompleted", {"phase": phase, "deliverable_id": deliverable}
        case PhaseChanged(from_phase=old, to_phase=new):
            return "PhaseChanged", {"old_phase": old, "new_phase": new}
        case SupervisorRegistered(state=state):
            return "SupervisorStateChanged", _supervisor(recorded, None, state)
        case SupervisorStateChanged(old_state=old, new_state=new) if old is not new:
            return "SupervisorStateChanged", _supervisor(recorded, old, new)
        case StaleDetected(last_activity_at=last, stale_seconds=seconds):
            return "StaleDetected", {"last_activity": rfc3339(last), "stale_duration": seconds}
        case StaleCleared():
            return "StaleCleared", {}
        case TaskFailed(task_id=task_id, name=name):
            return "TaskCompleted", {"task_id": task_id, "task_name": name, "success": False}
        case QuestionAsked(question_id=question_id, question=question, question_type=kind):
            return "QuestionAsked", {"question_id": question_id, "question": question, "question_type": kind}
        case QuestionAnswered(question_id=question_id):
            return "QuestionAnswered", {"question_id": question_id}
        case AgentJoined() | AgentStatusChanged() | AgentLeft():
            change = step(event)
            members = {"old_status": change.old, "new_status": change.new, "trigger": change.trigger}
            restarts = restart_count(recorded, event)
            return "AgentStatusChanged", {"role": event.role, **members, "restarts": restarts}
        case _:
            return None


def _supervisor(recorded: Recorded, old: str | None, new: str) -> dict[str, object]:
    return {"supervisor_task_id": recorded.entity_id, "old_state": old, "new_state": new}
