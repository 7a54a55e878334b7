"""Commands drawn by `Random`: mostly what the status allows, now and then any other."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from random import Random
from typing import Any, Final, cast, get_args

from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import LIFECYCLE
from makima_schemas.contract import commands as c
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.model import (
    AssignedBecause,
    CompletedBy,
    Deliverable,
    Gate,
    MinComplete,
    NamedTasks,
    Phase,
    SupervisorTaskStatus,
)

FLAGS: Final = (True, False)
COMMANDS: Final[tuple[type[ContractCommand], ...]] = get_args(ContractCommand)
ENDINGS: Final = {
    c.DeleteContract,
    c.ArchiveContract,
    c.FailContract,
    c.CompleteContract,
    c.PauseContract,
    c.BlockContract,
}
NAMES_A_PHASE: Final = {c.AwaitConfirmation, c.StartCompletion, c.ChangePhase, c.RecordValidation}
GATES: Final = (
    Gate(),
    Gate(required_tasks="none"),
    Gate(("a",), "all_complete", "lint"),
    Gate((), MinComplete(1)),
    Gate((), NamedTasks(("write",))),
)
# Few values for each member, so that commands meet each other's work.
MEMBERS: Final[dict[str, Callable[[Contract], Sequence[object]]]] = {
    **dict.fromkeys(("task_id", "next_task_id"), lambda _state: ("t1", "t2", "t3", "t4", "t5")),
    **dict.fromkeys(("role", "to_role"), lambda _state: ("builder", "reviewer")),
    **dict.fromkeys(
        ("passed", "success", "confirmed", "force", "enabled", "is_supervisor", "complete_first"),
        lambda _state: FLAGS,
    ),
    **dict.fromkeys(("evidence", "result", "plan"), lambda _state: (None, "done")),
    **dict.fromkeys(("name", "content", "question"), lambda _state: ("write", "read")),
    "phase": lambda state: (None, "one", "two", "three", *[state.phase_name] * 4),
    "reason": lambda _state: ("lunch",),
    "agent_version": lambda _state: (0, 1),
    "except_connection_id": lambda _state: (None, "new", "old"),
    "status": lambda _state: get_args(SupervisorTaskStatus),
    "deliverable_id": lambda _state: ("a", "b"),
    "connection_id": lambda _state: (None, "new", "old"),
    "question_id": lambda _state: ("q1", "q2", "q3"),
    "message_id": lambda _state: ("m1",),
    "answer": lambda _state: ("Postgres", "SQLite"),
    "question_type": lambda _state: ("text", "text", "confirm", "choice"),
    "options": lambda _state: ((), (), ("Postgres", "MySQL")),
    "validator": lambda _state: ("lint",),
    "daemon_id": lambda _state: ("d1", "d2"),
    "replaces": lambda _: (None, "d1", "d2"),
    "because": lambda _state: get_args(AssignedBecause),
    "completed_by": lambda _state: get_args(CompletedBy),
}


def creation(random: Random) -> c.CreateContract:
    deliverables = (Deliverable("a", "A"), Deliverable("b", "B"))
    phases = tuple(Phase(name, deliverables, random.choice(GATES)) for name in ("one", "two", "three"))
    return c.CreateContract("demo", "ada", phases=phases, phase_guard=random.choice(FLAGS))


def next_command(random: Random, state: Contract) -> ContractCommand:
    """Mostly what the status allows and what goes on; now and then anything."""
    if state.status is None:
        return creation(random)
    allowed = [command for command in COMMANDS if LIFECYCLE.allowed(state.status, command)]
    usual = [command for command in allowed if command not in ENDINGS]
    kind = random.choice([*usual * 40, *allowed, *COMMANDS])
    if kind is c.CreateContract:
        return creation(random)
    data = {member.name: random.choice(MEMBERS[member.name](state)) for member in fields(kind)}
    if kind in NAMES_A_PHASE:
        data["phase"] = data["phase"] or state.phase_name
    return cast("type[Any]", kind)(**data)
