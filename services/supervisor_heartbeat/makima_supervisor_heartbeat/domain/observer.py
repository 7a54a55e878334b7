"""What a heartbeat that contradicts its sender's expected state gives: commands for the log, within a budget."""

from collections.abc import Callable, Sequence

from makima_schemas.daemon import ObserveDaemon
from makima_schemas.evidence import Arrival
from makima_schemas.identity import stream_name
from makima_schemas.supervisor import ENDED, ObserveHeartbeat, SupervisorState

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.broker_time import moment
from makima_supervisor_heartbeat.domain.contracts import Contracts
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.daemon_limits import DaemonLimits
from makima_supervisor_heartbeat.domain.event_budget import EventBudget
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.in_force import speaks
from makima_supervisor_heartbeat.domain.sender import Observation, Sender, agrees
from makima_supervisor_heartbeat.domain.sender_state import DAEMON, SUPERVISOR, SenderEvent, evolve
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor


class Observer:
    """Compares heartbeats with the expected states of their senders."""

    def __init__(
        self, find: Callable[[str, str], Sender], contracts: Contracts, limits: DaemonLimits
    ) -> None:
        """`find` returns the cached sender of a stream and an entity id, made if there is none."""
        self._find, self._contracts, self._limits = find, contracts, limits
        # How many heartbeats told a change that their sender's budget did not allow to record.
        self._withheld = 0

    def take_withheld(self) -> int:
        """How many changes were withheld since the last call."""
        withheld, self._withheld = self._withheld, 0
        return withheld

    def observations(self, sender: Sender, beat: Beat, stream_epoch: str) -> list[tuple[Sender, Observation]]:
        """The observations to submit; none if the heartbeat agrees with what is expected."""
        sender.settled = agrees(sender.expected, beat)
        if sender.settled or isinstance(sender.expected, Agent):  # only a join changes an agent
            return []
        arrival = Arrival(stream_epoch, beat.sequence, moment(beat.received_ns))
        match sender.expected:
            case Supervisor() as known:
                return self._of_supervisor(sender, known, beat, arrival)
            case Daemon() as known:
                return self._of_daemon(sender, known, beat.hostname, beat, arrival)

    def _of_supervisor(
        self, sender: Sender, known: Supervisor, beat: Beat, arrival: Arrival
    ) -> list[tuple[Sender, Observation]]:
        contract_id, daemon_id = beat.contract_id, beat.address.daemon_id
        if contract_id is None or daemon_id is None or beat.state is None or beat.phase is None:
            return []
        if self._contracts.awaits(sender.stream, contract_id):
            return []
        if not speaks(known, contract_id, beat.connection_id):
            return []
        observed = ObserveHeartbeat(
            contract_id, daemon_id, beat.connection_id, beat.state, beat.phase, arrival
        )
        found: list[tuple[Sender, Observation]] = []
        daemon = self._find(stream_name("daemon", daemon_id), daemon_id)
        if isinstance(daemon.expected, Daemon) and daemon.expected.connected is None:
            found += self._of_daemon(daemon, daemon.expected, "", beat, arrival)
        events = SUPERVISOR.decide(observed, known)
        if known.restoring is None and known.state not in (None, SupervisorState.INTERRUPTED):
            connects = beat.connection_id not in (None, known.connection_id)
            events = self._affordable(
                sender, beat, arrival, events, ends=beat.state in ENDED, connects=connects
            )
        return found + self._put(sender, observed, events)

    def _of_daemon(
        self, sender: Sender, known: Daemon, hostname: str, beat: Beat, arrival: Arrival
    ) -> list[tuple[Sender, Observation]]:
        observed = ObserveDaemon(hostname, arrival)
        events = DAEMON.decide(observed, known)
        if known.connected:
            events = self._affordable(sender, beat, arrival, events, ends=False)
        return self._put(sender, observed, events)

    def _affordable(
        self,
        sender: Sender,
        beat: Beat,
        arrival: Arrival,
        events: Sequence[SenderEvent],
        *,
        ends: bool,
        connects: bool = False,
    ) -> Sequence[SenderEvent]:
        """The events, if the budget of the sender, and for a new connection that of its daemon, allow them; else
        none. Those submitted already cost nothing.
        """
        if not events or sender.observed == (arrival.stream_epoch, arrival.stream_sequence):
            return ()
        if sender.budget is None:
            sender.budget = EventBudget()
        allowed = not connects or self._limits.connects(beat.address.daemon_id or "", beat.received_ns)
        if allowed and sender.budget.spend(beat.received_ns, ends=ends):
            return events
        self._withheld += 1
        return ()

    def _put(
        self, sender: Sender, observed: Observation, events: Sequence[SenderEvent]
    ) -> list[tuple[Sender, Observation]]:
        # The latter: this observation was submitted already.
        if not events or sender.observed == offset_of(observed):
            return []
        for event in events:
            sender.expect(evolve(sender.expected, event))
        return [(sender, observed)]


def offset_of(observation: Observation) -> tuple[str, int]:
    return observation.heard.stream_epoch, observation.heard.stream_sequence
