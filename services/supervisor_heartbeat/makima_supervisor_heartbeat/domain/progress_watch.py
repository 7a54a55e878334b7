"""Follows the progress of senders by their heartbeats: who stands still for too long is stuck (decision 30).

Most heartbeats cost a few comparisons: what bears on a sender besides (its contract, maintenance) is looked at once
it has stood still for long enough.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from makima_schemas.agent import AgentStatus
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Arrival
from makima_schemas.maintenance import Windows
from makima_schemas.maintenance import evolve as evolve_maintenance
from makima_schemas.silence import MaintenanceEnded
from makima_schemas.supervisor import SupervisorState

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.broker_time import moment, nanoseconds
from makima_supervisor_heartbeat.domain.contracts import Contract, Contracts
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.progress import ProgressState, at_work, remembered, tells_progress
from makima_supervisor_heartbeat.domain.sender import Observation, Sender
from makima_supervisor_heartbeat.domain.sender_state import AGENT, SUPERVISOR, SenderState, evolve
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

SECOND: Final = 1_000_000_000


class StuckLimits(msgspec.Struct, frozen=True):
    """For how long a sender may tell no progress, and be quiet, ns."""

    stuck_after: int = 600 * SECOND
    quiet_max: int = 14_400 * SECOND


class ProgressWatch:
    def __init__(self, contracts: Contracts, stuck_limits: StuckLimits) -> None:
        self._contracts, self._stuck_after = contracts, stuck_limits.stuck_after
        self._quiet_max = stuck_limits.quiet_max
        self._maintenance = Windows()
        self._maintained: dict[str, int] = {}  # by scope: when its last window ended, Unix ns

    def forget(self) -> None:
        """Forget the maintenance windows: the log was replaced, or is read anew."""
        self._maintenance = Windows()
        self._maintained.clear()

    def maintain(self, recorded: Recorded, event: object) -> None:
        """Apply an event of the stream of maintenance windows."""
        self._maintenance = evolve_maintenance(self._maintenance, recorded, event)
        if isinstance(event, MaintenanceEnded):
            ended = nanoseconds(recorded.recorded_at)
            self._maintained = ends(self._maintained, event.scope, ended, self._stuck_after)

    def on_heartbeat(
        self, sender: Sender, beat: Beat, stream_epoch: str, *, same: bool
    ) -> Sequence[tuple[Sender, Observation]]:
        """Apply a heartbeat that counts, before it becomes `sender.last`. Returns what the log is to decide.

        `same`: it equals `sender.last` but for activity, progress and detail.
        """
        state = sender.expected
        if isinstance(state, Daemon):
            return ()
        progress_state, before, arrival = sender.progress_state, sender.last, beat.received_ns
        if progress_state is None or before is None:
            self._begin(sender, beat)
            return ()
        differs = progress_state.moved or not (
            same
            and beat.activity == before.activity
            and beat.detail == before.detail
            and beat.progress == before.progress
        )
        if differs and _tells(progress_state, beat, before):
            progress_state.progress(arrival)
        if beat.quiet_ns:
            progress_state.judge_from(arrival + min(beat.quiet_ns, self._quiet_max))
        elif arrival < progress_state.judged_ns:
            progress_state.judge_from(arrival)  # its quiet time ends here, or the broker's clock was set back
        if state.stuck is None:
            if arrival - progress_state.judged_ns < self._stuck_after:
                return ()
            self._judge_from_when_asked(sender, progress_state, beat)
            if arrival - progress_state.judged_ns < self._stuck_after:
                return ()
        return _observed(sender, state, progress_state, beat, stream_epoch)

    def recorded(
        self, sender: Sender, beat: Beat, progress_ns: int | None, judged_ns: int | None
    ) -> ProgressState:
        """The state of a sender whose newest heartbeat was recorded, with what was recorded of its progress; None:
        nothing was, and it counts from this heartbeat on.
        """
        contract, known = self._contracts.known(beat.contract_id or ""), beat.received_ns
        moved_at = None if contract is None else contract.assigned.moved_at
        return ProgressState(
            known if progress_ns is None else progress_ns,
            known if judged_ns is None else judged_ns,
            remembered((), beat.activity),
            beat.child,
            # Whoever in the contract it was: nobody else tells what the log told since.
            (moved_at is not None and moved_at > moment(known)) or _is_interrupted(sender.logged),
        )

    def _begin(self, sender: Sender, beat: Beat) -> None:
        """Of a sender that is not known, or told what nobody knows in between, standing still counts from now on."""
        progress_state = sender.progress_state or ProgressState(beat.received_ns, beat.received_ns)
        progress_state.activities, progress_state.child = (
            remembered(progress_state.activities, beat.activity),
            beat.child,
        )
        progress_state.judge_from(beat.received_ns + min(beat.quiet_ns, self._quiet_max))
        sender.progress_state = progress_state

    def _judge_from_when_asked(self, sender: Sender, progress_state: ProgressState, beat: Beat) -> None:
        """Moves `judged_ns` on to when progress was asked of the sender again; to now, if none is."""
        contract = self._contracts.known(beat.contract_id or "")
        if contract is None or contract.assigned.waits or not at_work(sender.expected, beat):
            progress_state.judge_from(beat.received_ns)
            return
        scopes = _scopes(contract, beat)
        if self._maintenance.open and not self._maintenance.open.keys().isdisjoint(scopes):
            progress_state.judge_from(beat.received_ns)
            return
        times = [self._maintained[scope] for scope in scopes if scope in self._maintained]
        if contract.assigned.asked_from is not None:
            times.append(nanoseconds(contract.assigned.asked_from))
        progress_state.judge_from(max([progress_state.judged_ns, *times]))


def ends(known: Mapping[str, int], scope: str, ended: int, remembered_for: int) -> dict[str, int]:
    """When the last maintenance window of each scope ended, with this one; without those that ended so long before
    that they bear on nobody, so that they do not grow in number for ever.
    """
    recent = {each: at for each, at in known.items() if ended - at < remembered_for}
    return {**recent, scope: ended}


def _scopes(contract: Contract, beat: Beat) -> tuple[str, ...]:
    """Those of maintenance that cover the sender."""
    assigned = contract.assigned
    daemon_id = beat.address.daemon_id or assigned.daemon_id
    return "all", f"owner:{assigned.owner_id}", f"daemon:{daemon_id}", f"contract:{beat.contract_id}"


def _tells(progress_state: ProgressState, beat: Beat, before: Beat) -> bool:
    """True if the heartbeat tells progress, or the log told some since the one before; notes the activity."""
    moved, progress_state.moved = progress_state.moved, False
    activities = progress_state.activities if beat.connection_id == before.connection_id else ()
    progresses = moved or tells_progress(beat, before, activities, progress_state.child)
    if beat.child is not None:
        progress_state.child = beat.child
    if beat.activity != before.activity or not activities:
        progress_state.activities = remembered(activities, beat.activity)
    return progresses


def _observed(
    sender: Sender, state: Agent | Supervisor, progress_state: ProgressState, beat: Beat, stream_epoch: str
) -> Sequence[tuple[Sender, Observation]]:
    """What the log decides of the sender in this state, and is expected to say then."""
    progress_at = moment(progress_state.progress_ns)
    heard = Arrival(stream_epoch, beat.sequence, moment(beat.received_ns))
    observed = (
        ObserveStuck(beat.connection_id, progress_at, beat.activity or None, heard)
        if state.stuck is None
        else ObserveProgress(beat.connection_id, progress_at, heard)
    )
    events = (
        SUPERVISOR.decide(observed, state) if isinstance(state, Supervisor) else AGENT.decide(observed, state)
    )
    for event in events:
        sender.expect(evolve(sender.expected, event))
    return [(sender, observed)] if events else ()


def got_on(before: SenderState, after: SenderState) -> bool:
    """True for what a sender's heartbeats do not tell: an agent came into another status, or a supervisor was
    interrupted, which asks nothing of it until it is back.
    """
    if _agent_status(before) is not _agent_status(after):
        return True
    return _is_interrupted(after) and not _is_interrupted(before)


def _agent_status(state: SenderState) -> AgentStatus | None:
    return state.status if isinstance(state, Agent) else None


def _is_interrupted(state: SenderState) -> bool:
    return isinstance(state, Supervisor) and state.state is SupervisorState.INTERRUPTED
