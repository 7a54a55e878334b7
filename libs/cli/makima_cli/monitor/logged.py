"""An event of a contract's own stream as a sentence: with the names of tasks, without what only programs read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from makima_sdk.models import Task

from makima_cli.event_summary import without_ids
from makima_cli.monitor.record import Logged

Members = Mapping[str, object]


def logged_sentence(event: Logged, tasks: Mapping[str, Task]) -> str:
    """What the event's kind does not say already. `tasks`: by their ids."""
    members = event.members
    if event.kind in _OF_TASKS:
        return f"{_task(members, tasks)}{_after(*_OF_TASKS[event.kind], members)}"
    if event.kind in _OTHERS:
        return _OTHERS[event.kind](members)
    return without_ids({key: value for key, value in members.items() if value not in ([], "")})


def _task(members: Mapping[str, object], tasks: Mapping[str, Task]) -> str:
    """Its name and phase; its id where it is of another version than the one that is shown."""
    known = tasks.get(str(members.get("task_id")))
    name = members.get("name") or (known.name if known else members.get("task_id"))
    phase = members.get("phase") or (known.phase if known else "")
    return f"{name}: {phase}" if phase else str(name)


def _after(start: str, name: str, members: Members) -> str:
    value = members.get(name)
    return f"{start}{value}" if value else ""


def _phase(members: Members) -> str:
    how = "".join(f", {name}" for name in ("confirmed", "forced") if members.get(name))
    return f"{members.get('from_phase')} → {members.get('to_phase')}{how}{_after(': ', 'reason', members)}"


def _question(members: Members) -> str:
    options = enumerate(cast("Sequence[str]", members.get("options") or ()), 1)
    return "   ".join([str(members.get("question")), *(f"{number} {each}" for number, each in options)])


def _words(value: object) -> str:
    return str(value or "").replace("_", " ")


def _reason(members: Members) -> str:
    return str(members.get("reason") or "")


# What follows the name of the task, and which member it is.
_OF_TASKS: Final[Mapping[str, tuple[str, str]]] = {
    "TaskCreated": (" for ", "role"),
    "TaskClaimed": (" by ", "role"),
    "TaskStarted": ("", ""),
    "TaskReleased": (": ", "reason"),
    "TaskCompleted": (", ", "result"),
    "TaskFailed": (", ", "result"),
}
_OTHERS: Final[Mapping[str, Callable[[Members], str]]] = {
    "PhaseChanged": _phase,
    "QuestionAsked": _question,
    "QuestionAnswered": lambda members: str(members.get("answer")),
    "DeliverableCompleted": lambda members: (
        f"{members.get('deliverable_id')}{_after(', ', 'evidence', members)}"
    ),
    "ContractCreated": lambda members: f"{members.get('name', '')}{_after(', ', 'contract_type', members)}",
    "ContractAssigned": lambda members: f"to {members.get('daemon_id')}",
    "InputAwaited": lambda members: f"for {_words(members.get('waiting_for'))}",
    "ContractCompleted": lambda members: f"by {_words(members.get('completed_by'))}",
    **dict.fromkeys(
        ("ContractResumed", "ContractUnblocked"), lambda members: f"to {_words(members.get('to'))}"
    ),
    "MessageSent": lambda members: f"{members.get('role')}: {members.get('content')}",
    **dict.fromkeys(
        ("ContractPaused", "ContractBlocked", "ContractFailed", "ContractReopened", "CompletionAborted"),
        _reason,
    ),
}
