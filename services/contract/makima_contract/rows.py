"""The rows of the projection `contract`, and what each event makes of them."""

from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from makima_kernel.projections.projection import Applied
from makima_schemas.assignment import Admission, serves
from makima_schemas.contract.events import (
    ContractArchived,
    ContractAssigned,
    ContractCompleted,
    ContractCreated,
    ContractDeleted,
    ContractFailed,
    ContractReopened,
    ContractResumed,
    ContractStarted,
)
from makima_schemas.contract.model import SupervisorTaskStatus
from makima_schemas.daemon import DaemonAdmitted
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_contract.event_entities import (
    Key,
    contract_key,
    contract_of_live_supervisor,
    contract_of_supervisor,
    resumes_unstarted,
    supervisor_task_status,
)

# The events after which a contract no longer waits for its start.
NO_LONGER_CREATED: Final = (
    ContractStarted,
    ContractCompleted,
    ContractFailed,
    ContractArchived,
    ContractDeleted,
)


@dataclass(slots=True)
class PendingStartRecord:
    """A row of the table `unstarted`: a contract that was created but not started, paused ones included."""

    # The position of the event that made the start pending. None: no supervisor was heard yet, or
    # StartContract was answered since.
    supervised_at: int | None
    traceparent: str | None  # the trace of the supervisor's event


@dataclass(slots=True)
class SupervisorRecord:
    """A row of the table `supervisors`. Its contract need not exist yet."""

    heard_at: int | None  # where it registered, or was heard again after a silence; None while silent
    # The position since which its task is to be created, or to follow it; None once that was answered.
    owed_at: int | None
    traceparent: str | None  # the trace of its registration
    daemon_id: str | None = None  # the daemon that runs it; None in old rows, until the next change of state
    task_status: SupervisorTaskStatus = "running"  # what its task is to be


@dataclass(slots=True)
class AssignmentRecord:
    """A row of the table `assignments`: a contract that exists, and who runs it."""

    owner_id: str
    daemon_id: str | None  # the daemon that it is assigned to, or that was heard first; None: none was


@dataclass(slots=True)
class Rows:
    """The rows of all contracts in a batch. Loaded once, changed event by event and stored once.

    Folding the events one by one makes the result independent of how the log is cut into batches.
    """

    starts: dict[Key, PendingStartRecord] = field(default_factory=dict[Key, PendingStartRecord])
    # By contract, then by the supervisor's task id.
    supervisors: dict[Key, dict[str, SupervisorRecord]] = field(
        default_factory=dict[Key, dict[str, SupervisorRecord]]
    )
    assignments: dict[Key, AssignmentRecord] = field(default_factory=dict[Key, AssignmentRecord])
    # By tenant and daemon id.
    admissions: dict[Key, Admission] = field(default_factory=dict[Key, Admission])

    def fold(self, applied: Applied) -> None:
        """Applies one event."""
        recorded = applied.recorded
        contract = contract_of_supervisor(applied)
        if contract is not None:
            self._apply_supervisor_event(contract, applied)
            return
        key = contract_key(applied)
        match applied.event:
            case ContractCreated(owner_id=owner_id):
                self._create(key, recorded.position, owner_id)
            case ContractAssigned(daemon_id=daemon_id):
                if key in self.assignments:
                    self.assignments[key].daemon_id = daemon_id
            case DaemonAdmitted(daemon_id=daemon_id, owner=owner):
                self.admissions[(recorded.tenant, daemon_id)] = Admission(owner)
            case ContractResumed() if (
                key in self.starts and resumes_unstarted(applied) and self._alive(key) is not None
            ):
                self.starts[key].supervised_at = recorded.position
            case ContractReopened():
                self._owe_tasks(key, recorded.position)
            case ContractDeleted():
                self.starts.pop(key, None)
                self.supervisors.pop(key, None)
                self.assignments.pop(key, None)
            case event if isinstance(event, NO_LONGER_CREATED):
                self.starts.pop(key, None)
            case _:
                pass

    def _apply_supervisor_event(self, contract: Key, applied: Applied) -> None:
        """Applies a supervisor's event: updates its row; if it was heard, makes the contract's start pending.

        A `SupervisorStateChanged` by `heartbeat_expired` marks it as silent, and its task follows it.
        """
        position, traceparent = applied.recorded.position, applied.recorded.meta.get("traceparent")
        task_id = applied.recorded.entity_id
        known = self.supervisors.get(contract, {}).get(task_id)
        task_status = supervisor_task_status(applied)
        if known is not None and known.task_status != task_status:
            known.task_status, known.owed_at = task_status, position
        if contract_of_live_supervisor(applied) is None:
            if known is not None:
                known.heard_at = None
            return
        if known is None and isinstance(applied.event, SupervisorRegistered):
            self.supervisors.setdefault(contract, {})[task_id] = SupervisorRecord(
                position, position, traceparent, task_status=task_status
            )
        elif known is not None and known.heard_at is None:
            known.heard_at = position
        supervisor = self.supervisors.get(contract, {}).get(task_id)
        if supervisor is not None and isinstance(
            applied.event, SupervisorRegistered | SupervisorStateChanged
        ):
            self._run(contract, supervisor, applied.event.daemon_id)
        if contract in self.starts:
            self.starts[contract] = PendingStartRecord(position, traceparent)

    def _run(self, contract: Key, heard: SupervisorRecord, daemon_id: str) -> None:
        """Notes the daemon of a supervisor that was heard. The first one has the contract."""
        heard.daemon_id = daemon_id
        assigned = self.assignments.get(contract)
        if assigned is None or not serves(self.admissions.get((contract[0], daemon_id)), assigned.owner_id):
            return
        if assigned.daemon_id is None:
            assigned.daemon_id = daemon_id

    def _create(self, contract: Key, position: int, owner_id: str) -> None:
        """Adds the contract. If a supervisor registered before and is alive, the start is pending at once.

        The CreateTask of every known supervisor is pending again, as it was refused while there was no
        contract.
        """
        alive = self._alive(contract)
        self.starts[contract] = (
            PendingStartRecord(None, None)
            if alive is None
            else PendingStartRecord(position, alive.traceparent)
        )
        self.assignments[contract] = AssignmentRecord(owner_id, None)
        self._owe_tasks(contract, position)
        if alive is not None and alive.daemon_id is not None:
            self._run(contract, alive, alive.daemon_id)

    def _owe_tasks(self, contract: Key, position: int) -> None:
        """Makes the tasks of all supervisors of the contract pending again."""
        for known in self.supervisors.get(contract, {}).values():
            known.owed_at = position

    def _alive(self, contract: Key) -> SupervisorRecord | None:
        """The contract's supervisor that is not silent; of several the one with the lowest task id."""
        living = [
            (task_id, known)
            for task_id, known in self.supervisors.get(contract, {}).items()
            if known.heard_at is not None
        ]
        return min(living, key=itemgetter(0))[1] if living else None
