"""What is progress, whom it is asked of, and when a sender that tells none is stuck (agents.md, Stuck). Pure.

No clock of its own: all times are arrivals of heartbeats, by the broker's clock.
"""

from typing import Final

import msgspec
from makima_schemas.agent import AgentStatus
from makima_schemas.heartbeat import ChildProcess
from makima_schemas.supervisor import AT_WORK

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.sender_state import SenderState
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

REMEMBERED_ACTIVITIES: Final = 8  # of one connection: who tells one of them again goes round in circles


class _Detail(msgspec.Struct, frozen=True):
    """Of the column `detail`, what only supervisors say."""

    pending_task_ids: tuple[str, ...] = ()


_DETAIL: Final = msgspec.json.Decoder(_Detail)


class ProgressState(msgspec.Struct, gc=False):
    """What is remembered of a sender's progress. Times in Unix ns."""

    progress_ns: int  # arrival of the last heartbeat that told progress
    # Standing still counts from here: that arrival, or a later time until which no progress was asked of it.
    judged_ns: int
    # Hashes of the last different activities of this connection, newest last: texts may be long.
    activities: tuple[int, ...] = ()
    child: ChildProcess | None = None  # the last one that it told
    moved: bool = False  # the log told progress of it: its next heartbeat does
    columns: str = ""  # both times as COPY text; "": they changed

    def progress(self, at_ns: int) -> None:
        self.progress_ns = self.judged_ns = at_ns
        self.columns = ""

    def judge_from(self, at_ns: int) -> None:
        self.judged_ns, self.columns = at_ns, ""


def tells_progress(
    beat: Beat, before: Beat, activities: tuple[int, ...] = (), child: ChildProcess | None = None
) -> bool:
    """True if a heartbeat tells progress, compared with the newest one of its sender, `before`.

    `activities`: those of its connection; `child`: the last one that it told. A process that begins has got on.
    """
    if beat.connection_id != before.connection_id:
        return True
    if beat.state is not before.state or beat.progress not in (None, before.progress):
        return True
    if beat.activity != before.activity and beat.activity and hash(beat.activity) not in activities:
        return True
    if beat.child is not None:
        return _grew(beat.child, child)
    return beat.detail != before.detail and _pending(beat) != _pending(before)


def remembered(activities: tuple[int, ...], activity: str | None) -> tuple[int, ...]:
    """The activities with this one as the newest."""
    if not activity:
        return activities
    digest = hash(activity)
    if digest in activities:
        activities = tuple(each for each in activities if each != digest)
    return (*activities[1 - REMEMBERED_ACTIVITIES :], digest)


def at_work(state: SenderState, beat: Beat) -> bool:
    """True if progress is asked of the sender in this state."""
    match state:
        case Agent():
            return state.status is AgentStatus.WORKING
        case Supervisor():
            return beat.state in AT_WORK
        case _:
            return False


def _grew(child: ChildProcess, earlier: ChildProcess | None) -> bool:
    """True if the child process has used the processor since; one that began since has used all that it says."""
    is_same = earlier is not None and (earlier.pid, earlier.command) == (child.pid, child.command)
    used = earlier.cpu_seconds if is_same and earlier is not None else None
    return (child.cpu_seconds or 0.0) > (used or 0.0)


def _pending(beat: Beat) -> frozenset[str]:
    """The tasks that it says are pending, in any order."""
    return frozenset() if beat.detail is None else frozenset(_DETAIL.decode(beat.detail).pending_task_ids)
