"""Which tasks are held by an agent that is away, and which wait for a role: two rows, folded from events, and the
timers of how long that lasts (agents.md, Tasks and agents). Pure.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.envelope import Recorded

K = TypeVar("K")

ABSENT: Final = frozenset({AgentStatus.DEAD, AgentStatus.OFFLINE})
# After each refusal in a row, and then always the last: a place may be free again at any time, and nobody says so.
ASK_AGAIN_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
AGENT_EVENTS: Final = (AgentJoined, AgentLeft, AgentStatusChanged)
TASK_EVENTS: Final = (e.TaskCreated, e.TaskClaimed, e.TaskReleased, e.TaskCompleted, e.TaskFailed)
EVENTS: Final[frozenset[type]] = frozenset((*AGENT_EVENTS, *TASK_EVENTS, e.ContractDeleted))


@dataclass(frozen=True, slots=True)
class RoleAgent:
    """A row of `role_agents`."""

    status: AgentStatus
    version: int  # of the agent's stream
    away_version: int | None  # at which it became dead or offline; None: it is neither


@dataclass(frozen=True, slots=True)
class RoleTask:
    """A row of `role_tasks`: a task that is neither completed nor failed, and not a supervisor's own."""

    wanted_role: str | None  # None: any role may claim it
    held_by: str | None  # the role that holds it; None: it is pending
    since_position: int  # of the event since which it is pending or held; it identifies the episode


def evolve_agent(before: RoleAgent | None, recorded: Recorded, event: Event) -> RoleAgent | None:
    """The agent after its event. From dead to offline it has been away since it was dead."""
    match event:
        case AgentJoined(new_status=status) | AgentStatusChanged(new_status=status):
            pass
        case AgentLeft():
            status = AgentStatus.OFFLINE
        case _:
            return before
    away = None
    if status in ABSENT:
        away = recorded.version if before is None or before.away_version is None else before.away_version
    return RoleAgent(status, recorded.version, away)


def evolve_task(before: RoleTask | None, recorded: Recorded, event: Event) -> RoleTask | None:
    """The task after an event that names it; None if it is done, or not to be watched."""
    match event:
        case e.TaskCreated(role=role, is_supervisor=False):
            return RoleTask(role, None, recorded.position)
        case e.TaskClaimed(role=role) if before is not None:
            return replace(before, held_by=role, since_position=recorded.position)
        case e.TaskReleased() if before is not None:
            return replace(before, held_by=None, since_position=recorded.position)
        case _:
            return None


class EpisodeTimers(Generic[K]):
    """How long each episode has been seen to last. Time in which nobody watched does not count, so that an outage of
    ours expires nothing: in it nobody could join or claim. A new process begins anew.
    """

    def __init__(self) -> None:
        self._seconds: dict[K, float] = {}  # episode → how long it was watched
        self._refused: dict[K, int] = {}  # episode → how often in a row nothing came of it when it was due

    def watch(self, going_on: Collection[K], watched_seconds: float, timeout: float) -> list[K]:
        """The episodes that have lasted for `timeout` seconds.

        `going_on`: all that last now; others are forgotten. `watched_seconds`: since the last call.
        """
        self._seconds = {
            episode: self._seconds[episode] + watched_seconds if episode in self._seconds else 0.0
            for episode in going_on
        }
        self._refused = {each: times for each, times in self._refused.items() if each in self._seconds}
        return [episode for episode, seconds in self._seconds.items() if seconds >= timeout]

    def retry(self, episode: K, timeout: float) -> None:
        """Nothing came of it: with this timeout it is due again after the next of `ASK_AGAIN_SECONDS`."""
        times = self._refused.get(episode, 0)
        self._refused[episode] = times + 1
        self._seconds[episode] = timeout - ASK_AGAIN_SECONDS[min(times, len(ASK_AGAIN_SECONDS) - 1)]

    def restart(self, episode: K) -> None:
        """The episode's time begins anew."""
        self._seconds.pop(episode, None)
        self._refused.pop(episode, None)
