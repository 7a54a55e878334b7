"""The documentation of each route that its signature does not give: a summary and its own error codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from makima_schemas.errors import ErrorCode

# Error codes shared by several routes; `document` adds those that follow from path, body and headers.
MOVES: Final = frozenset({ErrorCode.INVALID_TRANSITION})  # commands that the contract's status may not allow
# commands of an agent, which a newer process may have replaced
SPEAKS: Final = MOVES | {ErrorCode.SUPERSEDED}
FLAGGED: Final = frozenset({ErrorCode.FEATURE_OFF})  # routes and actions behind a feature flag


@dataclass(frozen=True, slots=True)
class Operation:
    """The documentation of a route."""

    summary: str
    refusals: frozenset[ErrorCode] = field(default_factory=frozenset[ErrorCode])  # error codes of its own
    description: str = ""  # placed before the route's docstring
    # False: a write that appends no event itself, so its response has no `Makima-Position`
    positions: bool = True


OPERATIONS: Final[Mapping[str, Operation]] = {
    "monitor_events": Operation("Watch what happens", FLAGGED),
    "show_dashboard": Operation("Show the dashboard", FLAGGED, "In camelCase, unlike everything else."),
    "run_batch": Operation("Do one operation on many contracts", FLAGGED, "For administrators."),
    "create_contract": Operation(
        "Make a contract",
        description="Its status is `created`; it starts by itself when its supervisor is first heard, or by `…/start`. "
        "`phases` replaces the list of its type.",
    ),
    "list_contracts": Operation("List contracts", description="Newest first. Filters combine; `status` is a comma list."),
    "show_contract": Operation("Show a contract", description="`at` shows it as it was at a version or a time. The ETag is its version."),
    "delete_contract": Operation(
        "Delete an archived contract", MOVES, "Reads forget it, the log does not: a repeat with the same key gets the first answer."
    ),
    "start_contract": Operation("Start a contract", MOVES, "`created` → `active`."),
    "pause_contract": Operation("Pause a contract", MOVES | FLAGGED, "It remembers the status that it is paused from."),
    "resume_contract": Operation("Resume a paused contract", MOVES | FLAGGED, "Back to the status that it was paused from."),
    "block_contract": Operation("Say that a contract is blocked", MOVES | FLAGGED, "`reason` becomes its `blocked_reason`."),
    "unblock_contract": Operation("Unblock a contract", MOVES | FLAGGED, "`blocked` → `active`."),
    "fail_contract": Operation("Give a contract up", MOVES | FLAGGED, "`reason` becomes its `failure_reason`."),
    "reopen_contract": Operation("Reopen a contract that ended", MOVES, "`completed` or `failed` → `active`."),
    "complete_contract": Operation("Complete a contract by hand", MOVES, "Whatever its gates say."),
    "archive_contract": Operation("Archive a contract that ended", MOVES, "Only archived contracts can be deleted."),
    "set_status": Operation("Set the status, as old clients do", MOVES | FLAGGED),
    "change_phase": Operation(
        "Change the phase", MOVES | {ErrorCode.VALIDATION_FAILED, ErrorCode.PHASE_GUARD_REQUIRED},
        "`force` skips order and gate, never version or guard; a guarded phase wants `confirmed`.",
    ),
    "set_phase_guard": Operation("Guard the phases, or stop that", MOVES, "Guarded: each phase change wants `confirmed: true`, whoever asks."),
    "set_auto_complete": Operation("Switch automatic advance and completion", MOVES, "Off: the detector reports and asks for nothing."),
    "complete_deliverable": Operation(
        "Complete a deliverable", MOVES, "Completing it again gives the same answer and no event. `phase` null means the current one."
    ),
    "phase_readiness": Operation("Ask whether the phase can be left"),
    "check_completion": Operation("Let the detector look again", positions=False),
    "list_tasks": Operation("List tasks", description="Oldest first."),
    "create_task": Operation("Make a task", MOVES, "It is `pending` until somebody claims it. `phase` null means the current one."),
    "claim_task": Operation("Claim a task", SPEAKS, "For an agent of `role`, speaking as `connection_id`."),
    "start_task": Operation("Start a claimed task", SPEAKS, "`claimed` → `running`."),
    "release_task": Operation("Give a task back", SPEAKS, "Back to `pending`, for anybody of its role."),
    "complete_task": Operation("Complete a task, or say that it failed", SPEAKS, "Accepted from pending, claimed and running."),
    "hand_off_task": Operation("Hand a task on", SPEAKS),
    "list_questions": Operation("List questions", description="Oldest first, answered ones too."),
    "ask_question": Operation("Ask a question", MOVES, "The contract waits for its answer: `waiting_for_input`."),
    "answer_question": Operation("Answer a question", MOVES, "With the last open one the contract goes on."),
    "list_messages": Operation("List messages", description="Oldest first."),
    "send_message": Operation("Send a message", MOVES, "Counts as activity."),
    "contract_health": Operation("Ask how a contract is, and why"),
    "export_contract": Operation("Export a contract"),
    "list_events": Operation("Read the events of a contract"),
    "supervisor_status": Operation("Ask how the supervisor is", frozenset({ErrorCode.SUPERVISOR_NOT_FOUND, ErrorCode.SUPERVISOR_DEAD})),
    "restart_supervisor": Operation("Restart the supervisor", frozenset({ErrorCode.SUPERVISOR_NOT_FOUND})),
    "supervisor_heartbeats": Operation("List the supervisor's heartbeats"),
    "list_daemons": Operation("List daemons", description="By id."),
    "show_daemon": Operation("Show a daemon", description="What the log says of its connection, and its last heartbeat of the rest."),
    "create_token": Operation("Make a token", description="For administrators. The secret is shown once.", positions=False),
    "list_tokens": Operation("List tokens", description="For administrators."),
    "revoke_token": Operation("Revoke a token", MOVES, "For administrators.", positions=False),
    "daemon_heartbeat": Operation("Send a daemon's heartbeat", positions=False),
}  # fmt: skip
