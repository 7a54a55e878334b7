"""What all agents of a daemon share."""

from collections.abc import Callable
from dataclasses import dataclass

from makima_daemon.calls import Calls
from makima_daemon.restart_policy import RestartPolicy
from makima_daemon.workspace import Workspace
from makima_daemon.worktrees import Worktrees


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all agents of a daemon share."""

    calls: Calls
    workspace: Workspace
    worktrees: Worktrees
    url: str  # of makima, for the agents
    secrets: tuple[str, ...]  # of the daemon, which no agent's environment contains
    policy: RestartPolicy
    grace: float  # seconds between SIGTERM and SIGKILL
    changed: Callable[[], None]  # a record has changed: it is saved, and the next heartbeat tells it
