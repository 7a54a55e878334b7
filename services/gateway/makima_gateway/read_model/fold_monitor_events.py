"""What the monitor socket says about an event (interfaces.md, Monitor): at most one message per position, complete as it is sent."""

from functools import lru_cache
from typing import Final

import orjson
from makima_schemas.agent import AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract.events import DeliverableCompleted, PhaseChanged, QuestionAsked, TaskCompleted, TaskFailed
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import Recorded
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged
from makima_schemas.times import rfc3339

from makima_gateway.read_model.rows import MonitorRow

# Most events say nothing beside a change of status: they are sorted out by one look-up.
TOLD: Final[frozenset[type]] = frozenset(
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
        AgentStatusChanged,
    }
)
_stamp = lru_cache(maxsize=64)(rfc3339)  # what was appended together has one time


def monitor_event(
    recorded: Recorded, event: Event, contract_id: str | None, before: ContractStatus | None, after: ContractStatus | None
) -> MonitorRow | None:
    """The message, or None for an event that changes nothing a watcher is told of.

    `before` and `after` are the contract's status around the event (null: there was none, or is none any more).
    """
    if contract_id is None:
        return None
    if before is not after:
        kind, members = "StatusChanged", {"old_status": before, "new_status": after, "reason": getattr(event, "reason", None)}
    elif type(event) in TOLD and (said := _said(recorded, event)) is not None:
        kind, members = said
    else:
        return None
    members["contract_id"] = contract_id
    message = f'{{"type":"{kind}","position":{recorded.position},"timestamp":"{_stamp(recorded.recorded_at)}",{orjson.dumps(members).decode()[1:]}'
    return MonitorRow(recorded.position, recorded.tenant, contract_id, before, after, kind, message)


def _said(recorded: Recorded, event: Event) -> tuple[str, dict[str, object]] | None:  # noqa: C901 - one case per event
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
        case AgentStatusChanged(role=role, old_status=old, new_status=new, trigger=trigger):
            return "AgentStatusChanged", {"role": role, "old_status": old, "new_status": new, "trigger": trigger}
        case _:
            return None


def _supervisor(recorded: Recorded, old: str | None, new: str) -> dict[str, object]:
    return {"supervisor_task_id": recorded.entity_id, "old_state": old, "new_state": new}
