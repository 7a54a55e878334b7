"""The recorder's memory beside a log that answers when the test lets it."""

from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import (
    ObserveHeartbeat,
    SupervisorEvent,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.broker_time import moment
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.daemon_limits import Limits
from makima_supervisor_heartbeat.domain.sender import Observation, Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.sender_state import SUPERVISOR
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, message

IDLE, WORKING, INTERRUPTED = SupervisorState.IDLE, SupervisorState.WORKING, SupervisorState.INTERRUPTED


def knowing(*contract_ids: str, limits: Limits | None = None) -> SenderCache:
    """A recorder's memory that knows these contracts, ada's, and nobody else."""
    senders = SenderCache(limits)
    for contract_id in contract_ids:
        senders.create_contract(contract_id, Assigned("ada"))
    return senders


class World:
    """A recorder's memory, and a log that answers when the test lets it."""

    def __init__(self) -> None:
        self.senders = knowing("c-t1")
        self.reader = BatchBuilder(self.senders, [range(8)])
        self.sequence = self.position = 0
        self.epoch = "e1"
        self.log: Supervisor = SUPERVISOR.initial

    def hear(
        self, state: SupervisorState = WORKING, connection: str = "a", daemon: str = "d1"
    ) -> list[tuple[Sender, ObserveHeartbeat]]:
        """A heartbeat that is read and recorded; what it gives to observe is put to the log."""
        return self.put(self.read(state, connection, daemon))

    def put(self, found: list[tuple[Sender, ObserveHeartbeat]]) -> list[tuple[Sender, ObserveHeartbeat]]:
        for each in found:
            self.senders.observation_submitted(*each)
        return found

    def read(
        self, state: SupervisorState = WORKING, connection: str = "a", daemon: str = "d1"
    ) -> list[tuple[Sender, ObserveHeartbeat]]:
        self.sequence += 1
        beat = supervisor_beat("t1", state, connection_id=connection)
        [slice_] = self.reader.read(
            [message(beat, self.sequence, f"makima.shards.3.supervisor.{daemon}.t1")], self.epoch
        )
        assert not slice_.aside
        return self.supervisors(slice_.observations)

    @staticmethod
    def supervisors(found: list[tuple[Sender, Observation]]) -> list[tuple[Sender, ObserveHeartbeat]]:
        return [(sender, each) for sender, each in found if isinstance(each, ObserveHeartbeat)]

    def decide(
        self, sender: Sender, observed: ObserveHeartbeat
    ) -> tuple[list[SupervisorEvent], list[tuple[Sender, ObserveHeartbeat]]]:
        """The log decides; it is not learnt yet."""
        events = SUPERVISOR.decide(observed, self.log)
        learnt = self.position
        self.append(*events)
        return events, self.put(
            self.supervisors(self.senders.observation_decided(sender, self.position if events else 0, learnt))
        )

    def append(self, *events: SupervisorEvent) -> None:
        for event in events:
            self.position += 1
            self.log = SUPERVISOR.evolve(self.log, event)

    def learn(self, event: SupervisorEvent, position: int) -> list[tuple[Sender, ObserveHeartbeat]]:
        return self.put(
            self.supervisors(self.senders.apply_event("supervisor-t1", "t1", event, position, position))
        )

    def settle(self) -> None:
        """One heartbeat, decided and learnt."""
        [(sender, observed)] = self.hear()
        [event], more = self.decide(sender, observed)
        assert not more
        assert not self.learn(event, self.position)

    def verdict(self, sequence: int) -> SupervisorStateChanged:
        heard = moment(MIDNIGHT_NS + sequence * 1_000_000)
        return SupervisorStateChanged(
            "c-t1",
            "d1",
            "a",
            WORKING,
            INTERRUPTED,
            "plan",
            "heartbeat_expired",
            Evidence(heard, 1.0, heard, heard, 0.0, "f", sequence, "e1"),
        )
