"""Whose progress the events of a contract are. Pure."""

from collections.abc import Mapping
from typing import Final

from makima_schemas.contract import events as e
from makima_schemas.identity import role_of_actor
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

EVERYONE: Final = ""  # instead of a role: the log does not say whose it is
TASK_STEPS: Final = (e.TaskStarted, e.TaskCompleted, e.TaskFailed)
BY_THEIR_ACTOR: Final = (e.DeliverableCompleted, e.QuestionAsked, e.QuestionAnswered)
# The events of a contract that are progress of somebody.
MOVES: Final[frozenset[type]] = frozenset({e.TaskCreated, e.TaskClaimed, *TASK_STEPS, *BY_THEIR_ACTOR})


def mover(event: object, held: Mapping[str, str], actor: str) -> str | None:
    """The role whose progress an event of its contract is; `EVERYONE`, or None for nobody's.

    `held`: the role that holds each task that is claimed or running. `actor`: who did it, as the log records it; a
    daemon speaks for all of its agents, and a person for whoever waited.
    """
    if isinstance(event, e.TaskCreated):
        return None if event.is_supervisor else SUPERVISOR_ROLE
    if isinstance(event, e.TaskClaimed):
        return event.role
    if isinstance(event, TASK_STEPS):
        return held.get(event.task_id)
    if isinstance(event, e.QuestionAsked) and event.again:
        return None  # told again after a restoration: nobody asked
    return role_of_actor(actor) or EVERYONE if isinstance(event, BY_THEIR_ACTOR) else None


def follow_held(held: dict[str, str], event: object) -> None:
    """Keep `held` as the events say, in place."""
    if isinstance(event, e.TaskClaimed):
        held[event.task_id] = event.role
    elif isinstance(event, e.TaskCompleted | e.TaskFailed | e.TaskReleased):
        held.pop(event.task_id, None)
