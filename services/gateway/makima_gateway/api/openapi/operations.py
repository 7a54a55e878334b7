"""The documentation of each route that its signature does not give: a summary and its own error codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from makima_schemas.errors import ErrorCode

# Error codes shared by several routes; `document` adds those that follow from path, body and headers.
MOVES: Final = frozenset({ErrorCode.INVALID_TRANSITION})  # commands that the contract's status may not allow
# commands of an agent, which a newer process may have replaced
SPEAKS: Final = MOVES | {ErrorCode.SUPERSEDED, ErrorCode.REJOIN_REQUIRED}
NAMES_A_DAEMON: Final = frozenset({ErrorCode.DAEMON_NOT_FOUND})  # whose body may name one
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
    "monitor_events": Operation("Receive events as they happen", FLAGGED),
    "show_dashboard": Operation("Show the dashboard", FLAGGED, "Its members are in camelCase, unlike those of all other responses."),
    "needs_you": Operation("List what waits for a person", description="Of all contracts, longest waiting first."),
    "run_batch": Operation("Run one operation on many contracts", FLAGGED, "Without `ids` administrators only."),
    "create_contract": Operation(
        "Create a contract",
        description="Its status is `created`. It starts at its supervisor's first heartbeat, or with `…/start`. "
        "`phases` replaces the phases of its type.",
    ),
    "list_contracts": Operation(
        "List contracts", frozenset({ErrorCode.OVERLOADED}),
        "Newest first, without descriptions. A contract must match all filters; `status` is a comma-separated list. "
        "A search that takes too long is `OVERLOADED`.",
    ),
    "show_contract": Operation("Show a contract", description="`at` returns its state at a version or time. The ETag is its version."),
    "delete_contract": Operation(
        "Delete an archived contract", MOVES, "Reads no longer return it; its events stay in the log. A repeat with the same key returns the first response."
    ),
    "start_contract": Operation("Start a contract", MOVES, "`created` → `active`."),
    "pause_contract": Operation("Pause a contract", MOVES | FLAGGED, "The present status is recorded, and resuming returns to it."),
    "resume_contract": Operation("Resume a paused contract", MOVES | FLAGGED, "It returns to the status in which it was paused."),
    "block_contract": Operation("Mark a contract as blocked", MOVES | FLAGGED, "`reason` becomes its `blocked_reason`."),
    "unblock_contract": Operation("Unblock a contract", MOVES | FLAGGED, "`blocked` → `active`."),
    "fail_contract": Operation("Mark a contract as failed", MOVES | FLAGGED, "`reason` becomes its `failure_reason`."),
    "reopen_contract": Operation("Reopen a completed or failed contract", MOVES, "`completed` or `failed` → `active`."),
    "complete_contract": Operation("Complete a contract", MOVES, "Its gates are not checked."),
    "archive_contract": Operation("Archive a contract", MOVES, "Only archived contracts can be deleted."),
    "set_status": Operation("Set the status (for old clients)", MOVES | FLAGGED),
    "change_phase": Operation(
        "Change the phase", MOVES | {ErrorCode.VALIDATION_FAILED, ErrorCode.PHASE_GUARD_REQUIRED},
        "`force` skips the checks of order and gate, but neither the version nor the phase guard, which requires `confirmed`.",
    ),
    "set_phase_guard": Operation("Switch the phase guard", MOVES, "With the guard, each phase change requires `confirmed: true`, from every caller."),
    "set_auto_complete": Operation("Switch automatic advance and completion", MOVES, "If off, the completion detector records its findings but sends no commands."),
    "complete_deliverable": Operation(
        "Complete a deliverable", MOVES, "Completing it again returns the same response and records no event. Without `phase`, the current phase."
    ),
    "phase_readiness": Operation("Show whether the phase's gate is met"),
    "check_completion": Operation("Evaluate the contract's completion now", positions=False),
    "list_tasks": Operation("List tasks", description="Oldest first."),
    "create_task": Operation("Create a task", MOVES, "It is `pending` until an agent claims it. Without `phase`, the current phase."),
    "claim_task": Operation("Claim a task", SPEAKS, "For an agent of `role` with the connection `connection_id`."),
    "start_task": Operation("Start a claimed task", SPEAKS, "`claimed` → `running`."),
    "release_task": Operation("Release a task", SPEAKS, "It is `pending` again; any agent of its role may claim it."),
    "complete_task": Operation("Complete a task, or mark it as failed", SPEAKS, "Allowed in the statuses pending, claimed and running."),
    "hand_off_task": Operation("Hand off a task", SPEAKS),
    "list_questions": Operation("List questions", description="Oldest first, including answered ones."),
    "ask_question": Operation("Ask a question", MOVES, "The contract's status becomes `waiting_for_input` until it is answered."),
    "answer_question": Operation("Answer a question", MOVES, "When no question is open any more, the contract continues."),
    "list_messages": Operation("List messages", description="Oldest first."),
    "send_message": Operation("Send a message", MOVES, "A message counts as activity of the contract."),
    "contract_health": Operation("Diagnose a contract"),
    "export_contract": Operation("Export a contract"),
    "list_events": Operation("List the events of a contract"),
    "list_timeline": Operation("List what happened around a contract"),
    "supervisor_status": Operation("Show the supervisor's status", frozenset({ErrorCode.SUPERVISOR_NOT_FOUND, ErrorCode.SUPERVISOR_DEAD})),
    "restart_supervisor": Operation("Restart the supervisor", MOVES | {ErrorCode.SUPERVISOR_NOT_FOUND}),
    "list_saved_state": Operation(
        "List what the supervisor saved", frozenset({ErrorCode.SUPERVISOR_NOT_FOUND}), "Everything ever saved, oldest first."
    ),
    "save_state": Operation("Save a part of the supervisor's state", frozenset({ErrorCode.SUPERVISOR_NOT_FOUND, ErrorCode.SUPERSEDED})),
    "restore_supervisor": Operation(
        "Restore the supervisor", NAMES_A_DAEMON | frozenset({ErrorCode.SUPERVISOR_NOT_FOUND, ErrorCode.SUPERSEDED})
    ),
    "sync_supervisor": Operation("Ask for a heartbeat now", frozenset({ErrorCode.SUPERVISOR_NOT_FOUND}), positions=False),
    "supervisor_heartbeats": Operation("List the supervisor's heartbeats"),
    "supervisor_heartbeat": Operation("Send a supervisor's heartbeat", NAMES_A_DAEMON, positions=False),
    "list_contract_agents": Operation(
        "List a contract's agents, and what its team lacks",
        description="By role. `at` returns them as they were at a version of the contract or at a time, without what their heartbeats said: `ready_until` counts from the join.",
    ),
    "list_agents": Operation(
        "List agents", frozenset({ErrorCode.OVERLOADED}),
        "Of all contracts, by contract and role. `status` is a comma-separated list. A search that takes too long is `OVERLOADED`.",
    ),
    "show_agent": Operation(
        "Show an agent",
        description="Also one that was cleaned up. `at` returns it as it was at a version of the contract or at a time, without what its heartbeats said: `ready_until` counts from the join.",
    ),
    "agent_heartbeats": Operation("List an agent's heartbeats"),
    "agent_verdicts": Operation("List the verdicts on an agent", description="Each with its evidence."),
    "agent_life": Operation("List the changes of an agent's status", description="Also its joins and restarts; a verdict with its evidence."),
    "daemon_verdicts": Operation("List the verdicts on a daemon", description="Each with its evidence."),
    "join_agent": Operation("Join as an agent", SPEAKS | NAMES_A_DAEMON),
    "agent_heartbeat": Operation("Send an agent's heartbeat", NAMES_A_DAEMON, positions=False),
    "leave_agent": Operation("Leave as an agent", SPEAKS),
    "report_agent_status": Operation("Report an agent's status", SPEAKS),
    "restart_agent": Operation("Restart an agent", MOVES),
    "list_daemons": Operation("List daemons", description="By id."),
    "show_daemon": Operation("Show a daemon", description="Its connection comes from the event log, everything else from its last heartbeat."),
    "show_system": Operation("Show the system", description="Administrators only."),
    "show_thresholds": Operation("Show the thresholds in force"),
    "show_system_series": Operation("Show the vital signs of the last hour"),
    "list_dead_letters": Operation("List dead letters", description="Administrators only."),
    "show_dead_letter": Operation("Show a dead letter", description="Administrators only."),
    "retry_dead_letter": Operation(
        "Send a dead letter again", frozenset({ErrorCode.CONFLICT}), "Administrators only.", positions=False
    ),
    "delete_dead_letter": Operation("Delete a dead letter", description="Administrators only.", positions=False),
    "open_maintenance": Operation(
        "Open a maintenance window", frozenset({ErrorCode.CONFLICT}), "Administrators only. Changes no other window."
    ),
    "close_maintenance": Operation("End a maintenance window", description="Administrators only."),
    "show_maintenance": Operation("List maintenance windows", description="Administrators only."),
    "start_maintenance": Operation("Start a maintenance, or change its end", description="Administrators only."),
    "end_maintenance": Operation("End a maintenance", description="Administrators only."),
    "show_me": Operation("Show who the caller is, and what it may do"),
    "show_session": Operation("Show who is signed in, if anybody is", description="Needs no token; a wrong one is as none."),
    "sign_in": Operation("Sign a browser in", description="Needs no token in the header: it is in the body.", positions=False),
    "sign_out": Operation("Sign a browser out", positions=False),
    "create_sign_in_code": Operation("Create a one-time code that signs a browser in", positions=False),
    "create_token": Operation("Create a token", description="Administrators only. The secret is shown once.", positions=False),
    "create_agent_token": Operation(
        "Create a token for an agent's process", frozenset({ErrorCode.SUPERSEDED, ErrorCode.QUOTA_EXCEEDED}),
        "The secret is shown once. The token speaks for this role of this contract until its connection is replaced or has left.",
        positions=False,
    ),
    "list_tokens": Operation("List tokens", description="Administrators only."),
    "revoke_token": Operation("Revoke a token", MOVES, "Administrators only.", positions=False),
    "daemon_heartbeat": Operation("Send a daemon's heartbeat", positions=False),
}  # fmt: skip
