"""What the recorder knows of contracts: who owns one, and which daemon's heartbeats count for it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from makima_schemas.assignment import Admission, serves
from makima_schemas.contract.events import ContractAssigned, ContractCreated, ContractDeleted, TaskReleased
from makima_schemas.contract.model import ContractStatus
from makima_schemas.contract.status_effects import LEADS_TO, SAYS_WHERE_TO, destination
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisor import RestorationProved
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.foreign_heartbeats import ForeignHeartbeats
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.moves import EVERYONE, MOVES, follow_held, mover
from makima_supervisor_heartbeat.domain.sender import Sender
from makima_supervisor_heartbeat.domain.sender_state import SenderState
from makima_supervisor_heartbeat.domain.signals import Signals
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

# The statuses of a contract in which nobody is asked for progress.
WAITING: Final = frozenset({ContractStatus.PAUSED, ContractStatus.BLOCKED, ContractStatus.WAITING_FOR_INPUT})
# The events of a contract that bear on progress: they say whether it waits, who got on, and who holds which task.
OF_PROGRESS: Final[frozenset[type]] = frozenset((*LEADS_TO, *SAYS_WHERE_TO, *MOVES, TaskReleased))
# The events of a contract that bear on what is known of it: whose it is, whether it waits, and who got on.
OF_CONTRACT: Final[tuple[type, ...]] = (ContractCreated, ContractAssigned, ContractDeleted, *OF_PROGRESS)
MAX_DAEMONS: Final = 8  # daemons of a contract whose supervisor is remembered; more take turns


class Assigned(msgspec.Struct, gc=False):
    """A contract that exists."""

    owner_id: str
    # The daemon that it is assigned to, or whose supervisor was heard first; None: none was.
    daemon_id: str | None = None
    # What was handed out to its supervisor; None: nothing was, and the first connection heard is in force.
    connection_id: str | None = None
    task_id: str | None = None
    # It is paused, blocked or waits for input: nobody is asked for progress.
    waits: bool = False
    # When the log recorded the last progress of somebody in it (`moves.MOVES`), and the end of the last time that it
    # waited; None: never.
    moved_at: datetime | None = None
    asked_from: datetime | None = None


class Contract(msgspec.Struct):
    """A contract with the supervisors that the log knows of it."""

    assigned: Assigned
    # By daemon: the stream of the supervisor that it ran last.
    supervisors: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    # By task that is claimed or running: the role that holds it.
    held: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    # The streams of the agents that joined it.
    agents: set[str] = msgspec.field(default_factory=set[str])

    @property
    def holder(self) -> str:
        """The stream of the supervisor that its daemon runs; "" if none was heard."""
        return self.supervisors.get(self.assigned.daemon_id or "", "")

    def movers(self, contract_id: str, event: object, actor: str) -> Iterable[str]:
        """The streams of the senders whose progress an event is; none if it is no progress."""
        match mover(event, self.held, actor):
            case None:
                return ()
            case role if role == EVERYONE:
                return (*self.supervisors.values(), *self.agents)
            case role if role == SUPERVISOR_ROLE:
                return self.supervisors.values()
            case role:
                return (stream_name("agent", agent_id(contract_id, role)),)


def heard(assigned: Assigned, daemon_id: str, admission: Admission | None) -> None:
    """Gives a contract that nobody has to the daemon whose supervisor was heard, if it serves the owner."""
    if assigned.daemon_id is None and serves(admission, assigned.owner_id):
        assigned.daemon_id = daemon_id


def assign(assigned: Assigned, assignment: ContractAssigned) -> Assigned:
    """The contract after it went to a daemon."""
    given = assignment.daemon_id, assignment.connection_id, assignment.task_id
    return _given(assigned, *given)


def restored(assigned: Assigned, proof: RestorationProved, task_id: str) -> Assigned:
    """The contract after a restoration was proved; the ContractAssigned that follows says the same."""
    return _given(assigned, proof.daemon_id, proof.connection_id, task_id)


def _given(assigned: Assigned, daemon_id: str, connection_id: str | None, task_id: str | None) -> Assigned:
    return msgspec.structs.replace(
        assigned, daemon_id=daemon_id, connection_id=connection_id, task_id=task_id
    )


def follow_progress(assigned: Assigned, event: object, at: datetime) -> None:
    """Notes whether the contract waits after an event, and if somebody in it got on."""
    status = destination(event)
    if status is not None:
        waits = status in WAITING
        if assigned.waits and not waits:
            assigned.asked_from = at
        assigned.waits = waits
    if type(event) in MOVES:
        assigned.moved_at = at


class Contracts:
    """The contracts of the log, by id; a supervisor's heartbeat is held against its own.

    `senders` are the cached ones, by the name of their stream.
    """

    def __init__(self, senders: Mapping[str, Sender], signals: Signals) -> None:
        self._senders, self._signals = senders, signals
        self._contracts: dict[str, Contract] = {}
        # By the id of a contract that the log does not have: the streams of the supervisors that name it.
        self._waiting: dict[str, set[str]] = {}
        self._unknown = 0
        self.foreign = ForeignHeartbeats(signals)

    def create(self, contract_id: str, assigned: Assigned) -> Collection[str]:
        """Note a contract. Returns the streams of the supervisors that named it before."""
        self._contracts[contract_id] = Contract(assigned)
        return self._waiting.pop(contract_id, ())

    def hold(self, contract_id: str, task_id: str, role: str) -> None:
        """Note a task that is claimed or running, as the read model shows it."""
        contract = self._contracts.get(contract_id)
        if contract is not None:
            contract.held[task_id] = role

    def apply(self, contract_id: str, event: object, actor: str, at: datetime) -> None:
        """Note an event of the contract's stream that bears on the progress of its senders."""
        contract = self._contracts.get(contract_id)
        if contract is None:
            return
        for stream in contract.movers(contract_id, event, actor):
            sender = self._senders.get(stream)
            if sender is not None and sender.progress_state is not None:
                sender.progress_state.moved = True
        follow_held(contract.held, event)
        follow_progress(contract.assigned, event, at)

    def assigned(self, contract_id: str) -> Assigned | None:
        """Who has the contract; None if there is no such contract."""
        contract = self._contracts.get(contract_id)
        return None if contract is None else contract.assigned

    def known(self, contract_id: str) -> Contract | None:
        """The contract; None if there is no such one."""
        return self._contracts.get(contract_id)

    def delete(self, contract_id: str) -> None:
        self._contracts.pop(contract_id, None)

    def clear(self) -> None:
        self._contracts.clear()
        self._waiting.clear()

    def awaits(self, stream: str, contract_id: str) -> bool:
        """True if there is no such contract: a supervisor of it is not registered before it is created.

        An id may be invented, or its `ContractCreated` may be on its way here.
        """
        if contract_id in self._contracts:
            return False
        self._waiting.setdefault(contract_id, set()).add(stream)
        self._unknown += 1
        return True

    def drop(self, stream: str, contract_id: str) -> None:
        """Forget a supervisor that waits for its contract."""
        waiting = self._waiting.get(contract_id)
        if waiting is not None:
            waiting.discard(stream)
            if not waiting:
                del self._waiting[contract_id]

    def take_unknown(self) -> int:
        """How many heartbeats since the last call named a contract that does not exist."""
        unknown, self._unknown = self._unknown, 0
        return unknown

    def assign(self, contract_id: str, assignment: ContractAssigned) -> None:
        """Note that the contract went to a daemon: from here on the heartbeats of no other one count."""
        contract = self._contracts.get(contract_id)
        if contract is None:
            return
        contract.assigned = assign(contract.assigned, assignment)
        self._unsettle(contract)

    def restore(self, task_id: str, proof: RestorationProved) -> None:
        """As `assign`, for a restoration that was proved."""
        contract = self._contracts.get(proof.contract_id)
        if contract is None:
            return
        contract.assigned = restored(contract.assigned, proof, task_id)
        self._unsettle(contract)

    def _unsettle(self, contract: Contract) -> None:
        for stream in contract.supervisors.values():
            if stream in self._senders:
                self._senders[stream].settled = False

    def supervised(self, stream: str, state: SenderState) -> None:
        """Note a supervisor, or an agent of a contract, as the log tells of it."""
        if isinstance(state, Agent) and state.contract_id in self._contracts:
            self._contracts[state.contract_id].agents.add(stream)
        if not isinstance(state, Supervisor):
            return
        contract = self._contracts.get(state.contract_id)
        if contract is None:
            return
        heard(contract.assigned, state.daemon_id, self._admission(state.daemon_id))
        if state.daemon_id not in contract.supervisors and len(contract.supervisors) >= MAX_DAEMONS:
            others = (each for each in contract.supervisors if each != contract.assigned.daemon_id)
            contract.supervisors.pop(next(others))
        contract.supervisors[state.daemon_id] = stream

    def is_foreign(self, beat: Beat) -> bool:
        """True if the heartbeat's daemon does not run its contract: a restoration has to hand it out first; or
        if its daemon was handed out another connection for the supervisor.
        """
        contract, daemon_id = self._contracts.get(beat.contract_id or ""), beat.address.daemon_id
        if contract is None or daemon_id is None:
            return False
        if self._is_restoring(beat):
            return False
        if contract.assigned.daemon_id == daemon_id:
            return self._is_not_the_one_handed_out(contract.assigned, beat)
        if contract.assigned.daemon_id is None and serves(
            self._admission(daemon_id), contract.assigned.owner_id
        ):
            return False
        self.foreign.note(beat, daemon_id, self._senders.get(contract.holder))
        return True

    def _is_restoring(self, beat: Beat) -> bool:
        """True if a restoration handed out the heartbeat's connection to its daemon, and its proof is not in the log yet.

        By what the log says and by what is expected of it: once the proof is on its way, only the former still shows
        the restoration, and the contract is not the daemon's before it has arrived.
        """
        sender = self._senders.get(beat.address.sender)
        if sender is None:
            return False
        speaker = (beat.address.daemon_id, beat.connection_id)
        return any(
            isinstance(state, Supervisor)
            and state.restoring is not None
            and (state.restoring.daemon_id, state.restoring.connection_id) == speaker
            for state in (sender.expected, sender.logged)
        )

    def _is_not_the_one_handed_out(self, assigned: Assigned, beat: Beat) -> bool:
        """Where a connection was handed out, "never seen, so newer" does not hold: else a first heartbeat of an
        older process that was held up would fence off the real one.
        """
        if assigned.connection_id is None or beat.connection_id in (None, assigned.connection_id):
            return False
        self._signals.notify("superseded", beat)
        return True

    def _admission(self, daemon_id: str) -> Admission | None:
        sender = self._senders.get(stream_name("daemon", daemon_id))
        return sender.logged.admission if sender is not None and isinstance(sender.logged, Daemon) else None
