"""The rule of adoption: what a daemon does with the processes that an earlier one, killed, has left behind. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process: a pid alone may be another's by now."""

    pid: int
    started: str  # when it was started, as the system tells it


@dataclass(frozen=True, slots=True)
class Found:
    """A running process with an agent's connection id in its environment."""

    process: ProcessId
    connection_id: str
    leads: bool  # its process group and session are its own
    created: float  # Unix time in seconds, in ticks of the system's clock: two processes may have the same

    @property
    def order(self) -> tuple[float, int]:
        """Ascending in the order of their starts. Of two in one tick, the later one has the greater pid."""
        return self.created, self.process.pid


@dataclass(frozen=True, slots=True)
class Expected:
    """What the state file says about the agent. `process` is None if the daemon was killed while starting it."""

    connection_id: str
    process: ProcessId | None
    stopping: bool  # it was being ended on purpose
    failed: bool  # every restart had failed


@dataclass(frozen=True, slots=True)
class Decision:
    """`adopt` is watched from now on; each of `end` is ended with its group, for nothing may run twice."""

    adopt: ProcessId | None
    connection_id: str | None  # of the adopted process
    end: tuple[ProcessId, ...]


def decide(expected: Expected | None, found: Sequence[Found]) -> Decision:
    """`found` are the processes of one agent, of any of its connections.

    The process that the state file names is adopted, else the oldest leader of the expected connection (a younger
    one is a program that the agent started with a session of its own), else, without a state file, the leader
    that was started last: each later process of an agent replaces the earlier ones. Processes of the adopted
    connection are the agent's own and stay.
    """
    chosen = (
        None if expected is not None and (expected.stopping or expected.failed) else _chosen(expected, found)
    )
    if chosen is None:
        return Decision(None, None, tuple(each.process for each in found))
    others = tuple(each.process for each in found if each.connection_id != chosen.connection_id)
    return Decision(chosen.process, chosen.connection_id, others)


def _chosen(expected: Expected | None, found: Sequence[Found]) -> Found | None:
    leaders = [each for each in found if each.leads]
    if expected is None:
        newest = max(leaders, key=lambda each: each.order, default=None)
        own = [each for each in leaders if newest and each.connection_id == newest.connection_id]
    elif expected.process is not None:
        own = [each for each in leaders if each.process == expected.process]
    else:
        own = [each for each in leaders if each.connection_id == expected.connection_id]
    return min(own, key=lambda each: each.order, default=None)
