"""What the monitor socket says about an event (interfaces.md, Monitor): at most one message per position, complete as it is sent."""

import orjson
from makima_schemas.agent import AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract.events import DeliverableCompleted, PhaseChanged, QuestionAsked, TaskCompleted, TaskFailed
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import Recorded
from makima_schemas.identity import split_stream
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged
from makima_schemas.times import rfc3339

from services.gateway.projections.rows import MonitorRow


def monitor_event(
    recorded: Recorded, event: Event, contract_id: str | None, before: ContractStatus | None, after: ContractStatus | None
) -> MonitorRow | None:
    """The message, or None for an event that changes nothing a watcher is told of.

    `before` and `after` are the contract's status around the event (null: there was none, or is none any more).
    """
    said = _said(recorded, event) if before is after else ("StatusChanged", _status_changed(event, before, after))
    if said is None or contract_id is None:
        return None
    kind, members = said
    body = {"type": kind, "position": recorded.position, "timestamp": rfc3339(recorded.recorded_at), "contract_id": contract_id, **members}
    return MonitorRow(recorded.position, recorded.tenant, contract_id, before, after, kind, orjson.dumps(body))


def _status_changed(event: Event, before: ContractStatus | None, after: ContractStatus | None) -> dict[str, object]:
    return {"old_status": before, "new_status": after, "reason": getattr(event, "reason", None)}


def _said(recorded: Recorded, event: Event) -> tuple[str, dict[str, object]] | None:  # noqa: C901 - one case per event
    match event:
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
        case TaskCompleted(task_id=task_id, name=name):
            return "TaskCompleted", {"task_id": task_id, "task_name": name, "success": True}
        case TaskFailed(task_id=task_id, name=name):
            return "TaskCompleted", {"task_id": task_id, "task_name": name, "success": False}
        case DeliverableCompleted(phase=phase, deliverable_id=deliverable):
            return "DeliverableCompleted", {"phase": phase, "deliverable_id": deliverable}
        case QuestionAsked(question_id=question_id, question=question, question_type=kind):
            return "QuestionAsked", {"question_id": question_id, "question": question, "question_type": kind}
        case AgentStatusChanged(role=role, old_status=old, new_status=new, trigger=trigger):
            return "AgentStatusChanged", {"role": role, "old_status": old, "new_status": new, "trigger": trigger}
        case _:
            return None


def _supervisor(recorded: Recorded, old: str | None, new: str) -> dict[str, object]:
    return {"supervisor_task_id": split_stream(recorded.stream)[1], "old_state": old, "new_state": new}
