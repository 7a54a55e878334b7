"""In-memory cache of senders' states: an unchanged heartbeat costs a comparison, no log read."""

from collections.abc import Iterable, Sequence

import msgspec
from makima_schemas.daemon import ObserveDaemon
from makima_schemas.heartbeat_codec import Address, MalformedHeartbeatError
from makima_schemas.identity import split_stream
from makima_schemas.supervisor import ObserveHeartbeat, RestorationProved

from makima_supervisor_heartbeat.domain.agent_heartbeats import AgentHeartbeats
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.contracts import Assigned, Contracts
from makima_supervisor_heartbeat.domain.daemon_limits import DaemonLimits, Limits, Refusal
from makima_supervisor_heartbeat.domain.heartbeats import Beat, is_late
from makima_supervisor_heartbeat.domain.in_force import is_handed_out, speaks
from makima_supervisor_heartbeat.domain.observer import Observer, offset_of
from makima_supervisor_heartbeat.domain.progress_watch import ProgressWatch, StuckLimits, got_on
from makima_supervisor_heartbeat.domain.sender import Observation, Sender, has_ended
from makima_supervisor_heartbeat.domain.sender_state import SenderEvent, SenderState, evolve, initial
from makima_supervisor_heartbeat.domain.signals import Signals
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor


class SenderCache:
    """All senders, by the name of their stream. Heartbeats are applied in stream order, events in the order
    of the log.

    A heartbeat that contradicts a sender's expected state gives an observation: a command that the caller
    submits to the log.
    """

    def __init__(self, limits: Limits | None = None, stuck_limits: StuckLimits | None = None) -> None:
        self._senders: dict[str, Sender] = {}
        # Incarnation of the heartbeat stream that `last` of the senders belongs to; "": none yet.
        self.stream_epoch = ""
        self.signals = Signals()
        self.contracts = Contracts(self._senders, self.signals)
        self._agents = AgentHeartbeats(self.contracts, self.signals)
        self.limits = DaemonLimits(self._senders, limits or Limits())
        self._observer = Observer(self._of, self.contracts, self.limits)
        self.progress = ProgressWatch(self.contracts, stuck_limits or StuckLimits())

    def __len__(self) -> int:
        return len(self._senders)

    def take_withheld(self) -> int:
        """How many changes were not recorded since the last call, because a sender's budget was spent."""
        return self._observer.take_withheld()

    def begin(self, stream_epoch: str) -> None:
        """Set the stream's incarnation. If it changed, drop last heartbeats: sequences are not comparable."""
        if stream_epoch != self.stream_epoch:
            for sender in self._senders.values():
                sender.last = None
            self.stream_epoch = stream_epoch

    def lose_shards(self) -> None:
        """Drop last heartbeats, because another process records from now on.

        What was heard last time says nothing against what the log tells later: it would raise the dead.
        """
        for sender in self._senders.values():
            sender.last, sender.progress_state, sender.settled = None, None, False
        self.stream_epoch = ""

    def of(self, address: Address) -> Sender:
        return self._of(address.sender, address.entity_id)

    def sender(self, stream: str, entity_id: str) -> Sender:
        """As `of`, by the name of its stream."""
        return self._of(stream, entity_id)

    def known(self, address: Address) -> Sender | None:
        """The sender, if it was heard before: who says nothing that fits is not remembered."""
        return self._senders.get(address.sender)

    def refuses(self, address: Address, now_ns: int) -> Refusal | None:
        """Why the sender is not taken, because its daemon has too many; None: it is, and is counted."""
        known = self._senders.get(address.sender)
        if known is None or (known.last is None and known.logged == initial(known.stream)):
            return self.limits.refuses(address, now_ns)
        self.limits.count(address, now_ns)
        return None

    def on_heartbeat(
        self, sender: Sender, beat: Beat, *, same: bool
    ) -> tuple[bool, Sequence[tuple[Sender, Observation]]]:
        """Apply a heartbeat. Returns whether it counts (False: its connection is superseded, a newer one of its
        connection arrived before it, or its daemon does not run the contract) and the observations to submit.

        `same`: it equals `sender.last` (see `unchanged`). Raises `MalformedHeartbeatError` if a task names
        another contract than its own.
        """
        last = sender.last
        late = is_late(beat, last)
        if same and sender.settled and not late:
            found = self.progress.on_heartbeat(sender, beat, self.stream_epoch, same=True)
            sender.last = beat
            return True, found
        if beat.state is not None and self.contracts.is_foreign(beat):
            return False, ()
        known = sender.expected
        if isinstance(known, Agent) and not self._agents.counts(known, beat):
            return False, ()
        if late and last is not None:
            # Its arrival proves life, the state is the newer one's.
            sender.last = beat = msgspec.structs.replace(
                last, sequence=beat.sequence, received_ns=beat.received_ns
            )
            return False, () if sender.settled else self._observations(sender, beat)
        if isinstance(known, Supervisor) and not self._speaks(sender, known, beat):
            return False, ()
        if last is not None and beat.hostname != last.hostname:
            sender.note_hostname(beat.received_ns, last.hostname, beat.hostname)
        observations = self._observations(sender, beat)
        observations += self.progress.on_heartbeat(sender, beat, self.stream_epoch, same=same)
        sender.last = beat
        return True, observations

    def apply_event(
        self, stream: str, entity_id: str, event: SenderEvent, position: int, version: int
    ) -> list[tuple[Sender, Observation]]:
        """Apply an event of the log. Returns the observations to submit, if the sender's last heartbeat
        contradicts it.
        """
        sender = self._of(stream, entity_id)
        if version > sender.version:
            sender.version = version
            before = sender.logged
            sender.logged = evolve(before, event)
            if sender.progress_state is not None and got_on(before, sender.logged):
                sender.progress_state.moved = True
            self.contracts.supervised(stream, sender.logged)
            if isinstance(event, RestorationProved):
                self.contracts.restore(entity_id, event)
        return self._settle(sender, position)

    def create_contract(self, contract_id: str, assigned: Assigned) -> Sequence[tuple[Sender, Observation]]:
        """Note a contract of the log. Returns the observations due from supervisors that named it before."""
        found = list[tuple[Sender, Observation]]()
        for stream in self.contracts.create(contract_id, assigned):
            sender = self._senders.get(stream)
            beat = None if sender is None or sender.undecided else sender.last
            if sender is None or beat is None or beat.contract_id != contract_id:
                continue
            if not self.contracts.is_foreign(beat):
                found += self._observations(sender, beat)
        return found

    def unknown(self, stream: str, entity_id: str, version: int) -> Sender | None:
        """The sender, if an event of this version shows that it has earlier events that the cache lacks; else
        None.

        This happens to a sender that was evicted and appears again: its stream must be reloaded (`recall`).
        """
        sender = self._of(stream, entity_id)
        return sender if version > sender.version + 1 and sender.logged == initial(stream) else None

    def recall(self, sender: Sender, state: SenderState, version: int) -> None:
        """Set the state of a sender that was evicted, as read from its stream up to this version."""
        if version >= sender.version:
            sender.version = version
            sender.logged = state

    def ended(self, streams: Iterable[str], before_ns: int) -> list[str]:
        """Those of `streams` that can be evicted: ended, no heartbeat since `before_ns`, no undecided
        observation.

        If one of them appears again, its state is reloaded from the log.
        """
        return [
            stream
            for stream in streams
            if (sender := self._senders.get(stream)) is not None and has_ended(sender, before_ns)
        ]

    def drop(self, streams: Iterable[str]) -> None:
        for stream in streams:
            last = self._senders.pop(stream).last
            if last is not None and last.contract_id is not None:
                self.contracts.drop(stream, last.contract_id)

    @property
    def streams(self) -> list[str]:
        return list(self._senders)

    def observation_submitted(self, sender: Sender, observation: Observation) -> None:
        """Note that an observation was submitted to the log; it is retried until it is decided.

        Called only after the heartbeat's batch was committed: before that, the observation may be lost with
        the batch.
        """
        if isinstance(observation, ObserveHeartbeat | ObserveDaemon):
            sender.observed = offset_of(observation)
        sender.undecided += 1

    def observation_decided(
        self, sender: Sender, position: int, learnt: int
    ) -> list[tuple[Sender, Observation]]:
        """Note that an observation was decided, by an event at `position` or without one (0). Returns new
        observations.

        `learnt` is the log position up to which events were applied here. Only once it has reached `position`
        is `logged` current, and compared with the last heartbeat.
        """
        sender.undecided -= 1
        sender.awaited = max(sender.awaited, position)
        return self._settle(sender, learnt)

    def discard_expected(self) -> None:
        """Reset `expected` to `logged`, except for senders with undecided observations.

        Heartbeats that were read but not committed are delivered again, and must be observed again.
        """
        for sender in self._senders.values():
            if not sender.undecided:
                sender.expect(sender.logged)

    def forget(self) -> None:
        """Reset what came from the log, which was replaced (restored). Last heartbeats stay valid.

        A sender that the new log lacks is then observed, and registered in it, again.
        """
        self.contracts.clear()
        self.progress.forget()
        for sender in self._senders.values():
            sender.logged, sender.observed, sender.awaited, sender.version = (
                initial(sender.stream),
                ("", 0),
                0,
                0,
            )
            sender.expect(sender.logged)

    def restore(self, stream: str, state: SenderState) -> None:
        """Set the state of a sender as the read model shows it."""
        sender = self._of(stream, split_stream(stream)[1])
        sender.logged = state
        self.contracts.supervised(stream, state)
        if not sender.undecided:
            sender.expect(state)

    def set_latest(self, beat: Beat, progress_ns: int | None = None, judged_ns: int | None = None) -> None:
        """Set the sender's last heartbeat to the newest one recorded in the database, and what was recorded with it
        of its progress; None: nothing was, and it counts from this heartbeat on.
        """
        sender = self._of(beat.address.sender, beat.address.entity_id)
        sender.last = beat
        if beat.contract_id is not None:
            sender.progress_state = self.progress.recorded(sender, beat, progress_ns, judged_ns)

    def pending_observations(self) -> Iterable[tuple[Sender, Observation]]:
        """The observations due from the cached last heartbeats.

        A recorder may have died between recording a heartbeat and submitting its observation.
        """
        for sender in list(self._senders.values()):
            beat = sender.last
            if beat is not None and (beat.state is None or not self.contracts.is_foreign(beat)):
                yield from self._observations(sender, beat)

    def _speaks(self, sender: Sender, known: Supervisor, beat: Beat) -> bool:
        """True if the heartbeat's connection speaks for the supervisor. One that is fenced is told so; one that the log
        has handed out while an earlier heartbeat was being decided is not: its next heartbeat counts.
        """
        if known.contract_id not in ("", beat.contract_id):
            raise MalformedHeartbeatError(
                f"task {sender.entity_id} belongs to contract {known.contract_id}, not to {beat.contract_id}"
            )
        if speaks(known, known.contract_id, beat.connection_id):
            return True
        logged = sender.logged if isinstance(sender.logged, Supervisor) else known
        if beat.connection_id in known.superseded or not is_handed_out(logged, beat.connection_id):
            self.signals.notify("superseded", beat)
        return False

    def _of(self, stream: str, entity_id: str) -> Sender:
        sender = self._senders.get(stream)
        if sender is None:
            state = initial(stream)
            sender = self._senders[stream] = Sender(stream, entity_id, state, state)
        return sender

    def _settle(self, sender: Sender, learnt: int) -> list[tuple[Sender, Observation]]:
        if sender.undecided or learnt < sender.awaited:
            return []
        sender.expect(sender.logged)
        return self._observations(sender, sender.last) if sender.last is not None else []

    def _observations(self, sender: Sender, beat: Beat) -> list[tuple[Sender, Observation]]:
        return self._observer.observations(sender, beat, self.stream_epoch)
