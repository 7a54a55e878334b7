"""Examples of each request body, response and problem for the documentation; a test checks their schemas."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

import orjson
from makima_schemas.codec import encode
from makima_schemas.contract.model import ContractStatus, TaskStatus

from makima_gateway.api import serializers
from makima_gateway.api.export import Export
from makima_gateway.api.openapi import agent_examples, page_examples, state_examples, system_examples
from makima_gateway.api.schemas import contracts as shapes
from makima_gateway.api.schemas.phases import (
    AutoCompleteSummary,
    CompletionCheck,
    PhaseTrial,
)
from makima_gateway.api.schemas.questions import Message, MessagePage, Question, QuestionPage
from makima_gateway.api.schemas.senders import (
    Daemon,
    DaemonBeat,
    DaemonPage,
    Heartbeat,
    Heartbeats,
    RestartAsked,
    SupervisorStatus,
)
from makima_gateway.api.schemas.tasks import Task, TaskPage
from makima_gateway.api.schemas.tokens import AgentToken, IssuedToken, TokenPage, TokenView
from makima_gateway.auth.policy import Role
from makima_gateway.batch.schemas import BatchAnswer, BatchError, SelectedAnswer, SelectedContract
from makima_gateway.dashboard.dashboard import Dashboard, ResourceUsage, StaleContract, WaitingContract
from makima_gateway.diagnosis.contract_facts import Evidence
from makima_gateway.diagnosis.rules import Health, Reason
from makima_gateway.read_model.contract_rows import ContractSupervisor, Row, RowSupervisor, TaskCounts

_AT: Final = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
_NOW: Final = datetime(2026, 1, 31, 11, 5, tzinfo=UTC)
_CONTRACT_ID: Final = "0b9f6a52-5c2e-5d7c-9a39-8d0c1c2f7e11"
_TASK_ID: Final = "6f1d1f0a-2a34-5f6e-8a6f-3f6f0f6b9c20"
_QUESTION_ID: Final = "c2f0a8de-91c5-5b0e-b7ad-2b8a2f3e4d55"
_TOKEN_ID: Final = "1c0d5b7e-8f43-5a0e-9a55-0f6b1f0c7d44"  # noqa: S105 - an id, no secret
_CONNECTION_ID: Final = "7d9a3f64-1c1b-4f0a-9c0e-5a8f1f0b2c33"

_END: Final = datetime(2030, 1, 31, tzinfo=UTC)
_CONTRACT: Final = shapes.Contract(
    id=_CONTRACT_ID, name="Add login", description="OAuth only", contract_type="simple", owner_id="local", status=ContractStatus.ACTIVE,
    legacy_status="active", phase="plan", phases=["plan", "execute"], version=3, phase_guard=False, auto_complete_enabled=True,
    deliverables=[
        shapes.Deliverable("plan", "plan-document", "Plan document", True, "2026-01-31T11:05:00.000000Z"),
        shapes.Deliverable("execute", "pull-request", "Pull request", False, None),
    ],
    tasks=TaskCounts(total=2, pending=1, claimed=0, running=1, completed=0, failed=0), waiting_for=None, blocked_reason=None,
    failure_reason=None, stale=False, created_at=_AT, updated_at=_NOW, status_changed_at=_AT, last_activity_at=_NOW,
    completion_detected_at=None, progress_at=_NOW,
    supervisor=ContractSupervisor(_TASK_ID, "daemon-1", "working", True, False, _NOW, 40, "runs the tests"),
    next_gate=["1 of 2 tasks"],
)  # fmt: skip
_ROW: Final = Row(
    id=_CONTRACT_ID, name="Add login", status=ContractStatus.ACTIVE, phase="plan", phase_index=0, phase_count=2, version=3,
    waiting_for=None, reason=None, stale=False, tasks=_CONTRACT.tasks, progress_at=_NOW, created_at=_AT,
    supervisor=RowSupervisor(alive=True, stuck=False, last_heartbeat_at=_NOW),
)  # fmt: skip
_TASK: Final = Task(
    _TASK_ID,
    _CONTRACT_ID,
    "write the form",
    "plan",
    "builder",
    False,
    "Fields first.",
    TaskStatus.RUNNING,
    _CONNECTION_ID,
    None,
    _AT,
    _NOW,
)
_QUESTION: Final = Question(
    _QUESTION_ID, _CONTRACT_ID, "Which provider?", "choice", ["A", "B"], "open", None, _AT, None
)
_MESSAGE: Final = Message(
    "f1f3a0d2-8a44-5b7b-9d80-1a2b3c4d5e6f", _CONTRACT_ID, "builder", "The form is done.", _NOW
)
_DAEMON: Final = Daemon("daemon-1", "worker-7", True, _NOW, ["builder"], 2, 6)
_ANSWER: Final = f"POST /api/v1/contracts/{_CONTRACT_ID}/questions/{_QUESTION_ID}/answer"
_ASKED: Final = Evidence(f"contract-{_CONTRACT_ID}", position=42, event="QuestionAsked")
_EVENT: Final[dict[str, object]] = {
    "specversion": "1.0",
    "id": "019c13f0-4d3a-7c1e-8b51-0f2f6f0e9a77",
    "source": "makima/contract",
    "type": "makima.contract.ContractPaused.v1",
    "subject": _CONTRACT_ID,
    "time": "2026-01-31T11:05:00.000000Z",
    "datacontenttype": "application/json",
    "position": 4711,
    "streamversion": 4,
    "tenant": "default",
    "commandid": "019c13f0-4d39-7b20-a4de-5d2a7a1c9e01",
    "actor": "admin:local",
    "data": {"reason": "lunch", "paused_from": "active"},
}

# Schema name → its example.
EXAMPLES: Final[Mapping[str, object]] = {
    **system_examples.EXAMPLES,
    "Contract": _CONTRACT,
    "ContractPage": shapes.ContractPage([serializers.listed(_CONTRACT)], "WyJjb250cmFjdHMiLDQyXQ", 2418),
    "RowPage": shapes.RowPage([_ROW], None, 1),
    "Task": _TASK,
    "TaskPage": TaskPage([_TASK], None),
    "Question": _QUESTION,
    "QuestionPage": QuestionPage([_QUESTION], None),
    "Message": _MESSAGE,
    "MessagePage": MessagePage([_MESSAGE], None),
    "Daemon": _DAEMON,
    "DaemonBeat": DaemonBeat("daemon-1", "worker-7", True, _NOW, ["builder"], 2, 6, 30.0, 120.0),
    "DaemonPage": DaemonPage([_DAEMON], None),
    "EventPage": shapes.EventPage([_EVENT], None),
    "Health": Health(
        "waiting",
        [Reason("fact", "QUESTION_OPEN", "a question is open: Which provider?", _AT, _ANSWER, _ASKED)],
    ),
    "Export": Export(
        "3f0c6a5e-1f8e-4a0b-9c55-8d1f0f2b7c11",
        4,
        [_EVENT],
        _CONTRACT,
        [_TASK],
        [_QUESTION],
        [_MESSAGE],
        [],
        [agent_examples.AGENT],
    ),
    "AutoCompleteSummary": AutoCompleteSummary(
        _CONTRACT_ID, "Add login", ContractStatus.ACTIVE, "plan", 4, False
    ),
    "PhaseTrial": PhaseTrial(False, "VALIDATION_FAILED", ["Deliverable: plan-document"], ["plan-document"]),
    "CompletionCheck": CompletionCheck(False, False, ["1 tasks incomplete"]),
    "SupervisorStatus": SupervisorStatus(
        _TASK_ID, "working", "plan", "reading", "reading", 40, _NOW, [_TASK_ID], alive=True, stuck=False
    ),
    "RestartAsked": RestartAsked(_TASK_ID, "daemon-1", "it hangs"),
    "Heartbeats": Heartbeats([Heartbeat("2026-01-31T11:05:00.000000Z", "working", "reading", 40, "plan")]),
    "Dashboard": Dashboard(
        statusCounts={"active": 10, "completed": 50, "failed": 2},
        phaseCounts={"plan": 3, "execute": 5, "review": 2},
        staleContracts=[StaleContract(_CONTRACT_ID, "Add login", _AT, 3600)],
        waitingForInput=[WaitingContract(_CONTRACT_ID, "Add login", "question", "Which provider?")],
        recentEvents=[
            {
                "type": "PhaseChanged",
                "position": 42,
                "timestamp": "2026-01-31T11:05:00.000000Z",
                "contract_id": _CONTRACT_ID,
                "old_phase": "plan",
                "new_phase": "execute",
            }
        ],
        resourceUsage=ResourceUsage(
            activeSupervisors=10, runningTasks=25, pendingTasks=5, activeDaemons=3, totalWorktrees=45
        ),
        agentCounts={"ready": 4, "working": 20, "dead": 1},
        stuckAgents=2,
    ),
    "BatchAnswer": BatchAnswer(
        "archive_old",
        1,
        [_CONTRACT_ID],
        [BatchError(_TASK_ID, "INVALID_TRANSITION", "status active does not allow 'archive contract'")],
    ),
    "SelectedAnswer": SelectedAnswer(
        "pause",
        [SelectedContract(_CONTRACT_ID, 4)],
        [BatchError(_TASK_ID, "VERSION_CONFLICT", "the contract is at version 5, not 3")],
        [],
    ),
    "IssuedToken": IssuedToken(_TOKEN_ID, "mk_q0h2Yc…", Role.OWNER, "ada", None, _END),
    "AgentToken": AgentToken(_TOKEN_ID, "mk_q0h2Yc…", "agent", _NOW),
    "NewAgentToken": {"connection_id": "a1f0c8b2"},
    "TokenPage": TokenPage(
        [TokenView(_TOKEN_ID, Role.OWNER, "ada", None, _AT, "admin:local", None, _END, _NOW)], None
    ),
    "Batch": {
        "operation": "archive_old",
        "older_than_hours": 168,
        "status_filter": ["completed", "failed"],
        "dry_run": True,
    },
    "NewToken": {"role": "owner", "owner": "ada"},
    "NewContract": {
        "name": "Add login",
        "contract_type": "simple",
        "description": "OAuth only",
        "phase_guard": False,
    },
    "Restart": {"reason": "it hangs"},
    "ActionRequest": {"reason": "lunch", "expected_version": 3},
    "NewStatus": {"status": "paused", "reason": "lunch"},
    "NewPhase": {"phase": "execute", "expected_version": 3, "confirmed": True},
    "Switch": {"enabled": True},
    "DeliverableDone": {"phase": "plan", "evidence": "docs/plan.md"},
    "NewTask": {"name": "write the form", "role": "builder", "plan": "Fields first."},
    "Claim": {"role": "builder", "connection_id": _CONNECTION_ID},
    "TaskActionRequest": {"connection_id": _CONNECTION_ID},
    "TaskDone": {"success": True, "result": "merged", "connection_id": _CONNECTION_ID},
    "HandOff": {"to_role": "reviewer", "result": "ready for review", "connection_id": _CONNECTION_ID},
    "NewQuestion": {"question": "Which provider?", "question_type": "choice", "options": ["A", "B"]},
    "NewAnswer": {"answer": "A"},
    "NewMessage": {"role": "builder", "content": "The form is done."},
    **agent_examples.EXAMPLES,
    **page_examples.EXAMPLES,
    **state_examples.EXAMPLES,
    "DaemonHeartbeatRequest": {"hostname": "worker-7", "agents": ["builder"], "worktrees": 2, "capacity": 6},
}

STREAM: Final = (
    "retry: 1000\n\n"
    'id: 41\nevent: hello\ndata: {"type":"hello","epoch":"3f0c…","position":41}\n\n'
    'id: 42\nevent: PhaseChanged\ndata: {"type":"PhaseChanged","position":42,"timestamp":"2026-01-31T11:05:00.000000Z",'
    f'"old_phase":"plan","new_phase":"execute","contract_id":"{_CONTRACT_ID}"}}\n\n'
)


def example(schema: str) -> object:
    """The example of a schema as a JSON value. Raises `KeyError` for a schema that has none."""
    return cast("object", orjson.loads(encode(EXAMPLES[schema])))
