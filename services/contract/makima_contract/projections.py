"""The projection `contract`: one row per contract that is not started, and one per supervisor.

The service reads back nothing else from the log, apart from the contracts' own streams.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import astuple, dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractArchived,
    ContractCompleted,
    ContractCreated,
    ContractDeleted,
    ContractFailed,
    ContractResumed,
    ContractStarted,
)
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

SQL: Final = named(Path(__file__).with_suffix(".sql"))
# The events after which a contract no longer waits for its start.
NO_LONGER_CREATED: Final = (
    ContractStarted,
    ContractCompleted,
    ContractFailed,
    ContractArchived,
    ContractDeleted,
)

Key = tuple[str, str]  # (tenant, contract id)


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
    owed_at: int | None  # the position since which its CreateTask is pending; None once that was answered
    traceparent: str | None  # the trace of its registration
    daemon_id: str | None = None  # the daemon that runs it; None in old rows, until the next change of state
    drives: bool = False  # it was heard last of its contract's supervisors: its daemon may send commands


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

    def fold(self, applied: Applied) -> None:
        """Applies one event."""
        recorded = applied.recorded
        contract = _contract_of_supervisor(applied)
        if contract is not None:
            self._apply_supervisor_event(contract, applied)
            return
        key = _key(applied)
        match applied.event:
            case ContractCreated():
                self._create(key, recorded.position)
            case ContractResumed() if (
                key in self.starts and resumes_unstarted(applied) and self._alive(key) is not None
            ):
                self.starts[key].supervised_at = recorded.position
            case ContractDeleted():
                self.starts.pop(key, None)
                self.supervisors.pop(key, None)
            case event if isinstance(event, NO_LONGER_CREATED):
                self.starts.pop(key, None)
            case _:
                pass

    def _apply_supervisor_event(self, contract: Key, applied: Applied) -> None:
        """Applies a supervisor's event: updates its row; if it was heard, makes the contract's start pending.

        A `SupervisorStateChanged` by `heartbeat_expired` marks it as silent and does nothing else.
        """
        position, traceparent = applied.recorded.position, applied.recorded.meta.get("traceparent")
        task_id = applied.recorded.entity_id
        known = self.supervisors.get(contract, {}).get(task_id)
        if contract_of_live_supervisor(applied) is None:
            if known is not None:
                known.heard_at = None
            return
        if known is None and isinstance(applied.event, SupervisorRegistered):
            self.supervisors.setdefault(contract, {})[task_id] = SupervisorRecord(
                position, position, traceparent
            )
        elif known is not None and known.heard_at is None:
            known.heard_at = position
        self._drive(contract, task_id, applied.event)
        if contract in self.starts:
            self.starts[contract] = PendingStartRecord(position, traceparent)

    def _drive(self, contract: Key, task_id: str, event: Event) -> None:
        """Marks the supervisor heard last as driving. Going silent does not change that."""
        for other, known in self.supervisors.get(contract, {}).items():
            known.drives = other == task_id
            if known.drives and isinstance(event, SupervisorRegistered | SupervisorStateChanged):
                known.daemon_id = event.daemon_id

    def _create(self, contract: Key, position: int) -> None:
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


class Unstarted:
    """The projection `contract`, with the tables `contract.unstarted` and `contract.supervisors`."""

    name = "contract"
    schema = "contract"
    tables = ("unstarted", "supervisors")
    fold_number = 1
    events: frozenset[type] = frozenset(
        {ContractCreated, ContractResumed, *NO_LONGER_CREATED, SupervisorRegistered, SupervisorStateChanged}
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        """Called by the projector, in the transaction that moves the checkpoint."""
        touched = {_contract_of_supervisor(applied) or _key(applied) for applied in batch}
        rows = await _load(connection, touched)
        before = deepcopy(rows)
        for applied in batch:
            rows.fold(applied)
        await _store(connection, before, rows)


async def _load(connection: asyncpg.Connection, touched: Collection[Key]) -> Rows:
    """The rows of the contracts `touched`, locked until the transaction ends."""
    rows, keys = Rows(), columns(touched, 2)
    for tenant, contract_id, *start in await connection.fetch(SQL["unstarted_touched"], *keys):
        rows.starts[(tenant, contract_id)] = PendingStartRecord(*start)
    for tenant, contract_id, task_id, *known in await connection.fetch(SQL["supervisors_touched"], *keys):
        rows.supervisors.setdefault((tenant, contract_id), {})[task_id] = SupervisorRecord(*known)
    return rows


async def _store(connection: asyncpg.Connection, before: Rows, rows: Rows) -> None:
    """Writes only rows that changed: most state changes of a supervisor change no column here."""
    starts = [
        (*key, *astuple(start)) for key, start in rows.starts.items() if before.starts.get(key) != start
    ]
    supervisors = [
        (*key, task_id, *astuple(known))
        for key, all_known in rows.supervisors.items()
        for task_id, known in all_known.items()
        if before.supervisors.get(key, {}).get(task_id) != known
    ]
    await _execute(connection, "forget", before.starts.keys() - rows.starts.keys(), 2)
    await _execute(connection, "forget_supervisors", before.supervisors.keys() - rows.supervisors.keys(), 2)
    await _execute(connection, "store_unstarted", starts, 4)
    await _execute(connection, "store_supervisors", supervisors, 8)


def contract_of_live_supervisor(applied: Applied) -> Key | None:
    """The contract whose supervisor was heard by this event; None for other events, and if it went silent."""
    match applied.event:
        case SupervisorStateChanged(changed_by="heartbeat_expired"):
            return None
        case _:
            return _contract_of_supervisor(applied)


def resumes_unstarted(applied: Applied) -> bool:
    """True if the event resumes a contract into CREATED, that is, one that was paused before its start."""
    return isinstance(applied.event, ContractResumed) and applied.event.to is ContractStatus.CREATED


def _contract_of_supervisor(applied: Applied) -> Key | None:
    """The contract whose supervisor the event is about; None if it is no supervisor's event."""
    match applied.event:
        case SupervisorRegistered(contract_id) | SupervisorStateChanged(contract_id):
            return applied.recorded.tenant, contract_id
        case _:
            return None


def _key(applied: Applied) -> Key:
    """The contract of a contract's event."""
    return applied.recorded.tenant, applied.recorded.entity_id


async def _execute(
    connection: asyncpg.Connection, name: str, rows: Collection[tuple[object, ...]], width: int
) -> None:
    """Executes the named statement for `rows` of `width` columns. No rows: no statement."""
    if rows:
        await connection.execute(SQL[name], *columns(rows, width))
