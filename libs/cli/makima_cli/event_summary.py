"""A message of the monitor in one line of text: as its members for scripts, as a sentence for the screen."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from makima_cli.durations import age
from makima_cli.evidence import GIVEN_UP

# Members that are not printed as `key=value`: they begin the line, are printed with their new value
# (`old → new`), or add nothing (the supervisor's task, as a contract has one supervisor at a time).
FOLDED: Final = frozenset(
    {
        "type",
        "position",
        "timestamp",
        "contract_id",
        "old_status",
        "old_phase",
        "old_state",
        "supervisor_task_id",
    }
)

DELETED: Final = "deleted"  # what a contract without a status is


def sentence(event: Mapping[str, object]) -> str:
    """What happened, in the words of the web page (sentences.ts)."""
    kind = str(event.get("type"))
    say = _SENTENCES.get(kind)
    return say(event) if say else f"{kind}  {without_ids(event)}".rstrip()


def agent_word(status: object) -> str:
    """An agent's status as badges write it."""
    return "DEAD (UNRECOVERABLE)" if status == GIVEN_UP else str(status).upper()


def without_ids(members: Mapping[str, object]) -> str:
    """What is known of an event that has no sentence, without what only programs read."""
    known = {key: value for key, value in members.items() if not key.endswith("_id") and key != "name"}
    return summary(known)


def _agent_changed(event: Mapping[str, object]) -> str:
    restarts = cast("Mapping[str, object]", event.get("restarts") or {})
    count = f" {restarts['attempts']}/{restarts['of']}" if restarts else ""
    old = agent_word(event["old_status"]) if event.get("old_status") else "joins"
    return f"{event.get('role')} {old} → {agent_word(event.get('new_status'))}{count}"


def _words(status: object) -> str:
    return str(status or "").replace("_", " ")


def _status_changed(event: Mapping[str, object]) -> str:
    reason = f": {event['reason']}" if event.get("reason") else ""
    old, new = _words(event.get("old_status")), _words(event.get("new_status"))
    return f"{old or 'new'} → {new or DELETED}{reason}"


def _supervisor_changed(event: Mapping[str, object]) -> str:
    return f"supervisor {_words(event.get('old_state')) or 'new'} → {_words(event.get('new_state'))}"


def _task_completed(event: Mapping[str, object]) -> str:
    return f"task {'failed' if event.get('success') is False else 'completed'}: {event.get('task_name')}"


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, object]], str]]] = {
    "StatusChanged": _status_changed,
    "PhaseChanged": lambda event: f"phase {event.get('old_phase')} → {event.get('new_phase')}",
    "SupervisorStateChanged": _supervisor_changed,
    "StaleDetected": lambda event: f"stale, silent for {age(float(str(event.get('stale_duration') or 0)))}",
    "StaleCleared": lambda _: "no longer stale",
    "TaskCompleted": _task_completed,
    "DeliverableCompleted": lambda event: f"deliverable {event.get('deliverable_id')}",
    "QuestionAsked": lambda event: f"asks: {event.get('question')}",
    "QuestionAnswered": lambda _: "answered",
    "AgentStatusChanged": _agent_changed,
}


def summary(event: Mapping[str, object]) -> str:
    """The event's members except type, time and contract: first changes as `old → new`, then the rest as
    `key=value` in the order of the message.
    """
    changes: list[str] = []
    for key, given in event.items():
        value = DELETED if given is None and key == "new_status" else given
        if value is None or key in FOLDED:
            continue
        thing = key.removeprefix("new_")
        if thing != key:
            old = event.get(f"old_{thing}")
            changes.insert(0, str(value) if old is None else f"{old} → {value}")
        else:
            changes.append(f"{key}={value}")
    return "  ".join(changes)
