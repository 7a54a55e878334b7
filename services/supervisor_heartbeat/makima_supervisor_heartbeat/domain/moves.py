"""Whose progress the events of a contract are. Pure."""

from collections.abc import Mapping
from typing import Final

from makima_schemas.contract import events as e
from makima_schemas.identity import role_of_actor
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

EVERYONE: Final = ""  # instead of a role: the log does not say whose it is
TASK_STEPS: Final = (e.TaskStarted, e.TaskCompleted, e.TaskFailed)
# The events of a contract that are progress of somebody.
MOVES: Final[frozenset[type]] = frozenset(
    {
        e.TaskCreated,
        e.TaskClaimed,
        *TASK_STEPS,
        e.DeliverableCompleted,
        e.QuestionAsked,
        e.QuestionAnswered,
    }
)


def mover(event: object, held: Mapping[str, str], actor: str) -> str | None:
    """The role whose progress an event of its contract is; `EVERYONE`, or None for nobody's.

    `held`: the role that holds each task that is claimed or running. `actor`: who did it, as the log records it; a
    daemon speaks for all of its agents, and a person for whoever waited.
    """
    match event:
        case e.TaskCreated(is_supervisor=False):
            return SUPERVISOR_ROLE
        case e.TaskClaimed(role=role):
            return role
        case e.TaskStarted() | e.TaskCompleted() | e.TaskFailed():
            return held.get(event.task_id)
        case e.QuestionAsked(again=True):
            return None  # told again after a restoration: nobody asked
        case e.DeliverableCompleted() | e.QuestionAsked() | e.QuestionAnswered():
            return role_of_actor(actor) or EVERYONE
        case _:
            return None


def follow_held(held: dict[str, str], event: object) -> None:
    """Keep `held` as the events say, in place."""
    match event:
        case e.TaskClaimed(task_id=task_id, role=role):
            held[task_id] = role
        case e.TaskCompleted() | e.TaskFailed() | e.TaskReleased():
            held.pop(event.task_id, None)
        case _:
            pass
