"""Which contracts want a supervisor, folded from the log, and which daemon is asked for one (agents.md, Assignment).

Pure. A contract is wanted while it runs and nobody drives it: no supervisor of it was ever heard, or none since it was
reopened, or the one that drove it fell silent. Whom that leads to depends on who has the contract: `ask_whom`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from makima_schemas.assignment import Admission, serves
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.contract.status_effects import LEADS_TO, SAYS_WHERE_TO, destination
from makima_schemas.supervisor import (
    ENDED,
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
)

ACTOR: Final = "supervisor_heartbeat"  # of the commands that record whom a placement chose

Heard = SupervisorRegistered | SupervisorStateChanged
EVENTS: Final[frozenset[type]] = frozenset(
    (*LEADS_TO, *SAYS_WHERE_TO, e.PhaseChanged, e.ContractAssigned, e.ContractDeleted)
)


@dataclass(frozen=True, slots=True)
class Drive:
    """A row of `drives`: a contract, and whether somebody drives it."""

    contract_type: str
    phase: str
    status: ContractStatus
    task_id: str | None = None  # of the supervisor heard last, or that a connection was handed out to
    state: SupervisorState | None = None  # of that supervisor; None: it was not heard yet
    # The position since when nobody drives it; None: somebody does. It identifies the episode, also over a pause.
    wanted_at: int | None = None


def evolve(before: Drive | None, event: Event, entity_id: str, position: int) -> Drive | None:
    """The contract after an event of its own, or of a supervisor that names it; None: there is none."""
    if isinstance(event, e.ContractCreated):
        first = event.phases[0].name
        return Drive(event.contract_type, first, ContractStatus.CREATED, wanted_at=position)
    if before is None or isinstance(event, e.ContractDeleted):
        return None
    after = _applied(before, event, entity_id)
    if after.state not in (None, SupervisorState.INTERRUPTED):
        return replace(after, wanted_at=None)
    return after if after.wanted_at is not None else replace(after, wanted_at=position)


def _applied(before: Drive, event: Event, entity_id: str) -> Drive:
    match event:
        case SupervisorRegistered() | SupervisorStateChanged():
            state = event.state if isinstance(event, SupervisorRegistered) else event.new_state
            # Of one that was replaced only the end is still to come.
            replaced = before.task_id not in (None, entity_id) and before.state is not None
            if replaced and state in ENDED:
                return before
            return replace(before, task_id=entity_id, state=state)
        case e.ContractAssigned(task_id=str() as task_id) if before.state is None:
            return replace(before, task_id=task_id)
        case e.PhaseChanged(to_phase=phase):
            return replace(before, phase=phase)
        case e.ContractReopened(to=status) if before.state in ENDED:
            return replace(before, status=status, state=None)
        case _:
            return replace(before, status=destination(event) or before.status)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contract that is wanted, with who has it."""

    tenant: str
    contract_id: str
    contract_type: str
    phase: str
    owner_id: str
    wanted_at: int
    task_id: str | None
    heard: bool  # its supervisor was heard since it began or was reopened, and fell silent: its own daemon starts it again
    known: bool  # the log knows the supervisor, also if it completed and the contract was reopened: it is restored
    holder: str | None  # the daemon that has it; None: nobody has
    asked_daemon: str | None = None  # asked last for this, perhaps by a process that is gone


@dataclass(frozen=True, slots=True)
class Candidate:
    """A daemon that is connected."""

    daemon_id: str
    admission: Admission | None
    free: int  # how many agents it may still start


def ask_whom(wanted: Wanted, daemons: Iterable[Candidate], passed: Collection[str] = ()) -> str | None:
    """The daemon to ask next; None: nobody. `passed` were asked just now, in vain.

    First who was asked last: it may have accepted, and nobody recorded it. Then who has the contract, then the one
    with the most free capacity, by name among equals. A supervisor that fell silent is started again by its own
    daemon, unasked, as long as that is connected.
    """
    connected = {each.daemon_id: each for each in daemons if serves(each.admission, wanted.owner_id)}
    if wanted.heard and wanted.holder in connected:
        return None
    for first in (wanted.asked_daemon, wanted.holder):
        if first in connected and first not in passed:
            return first
    able = [each for each in connected.values() if each.free > 0 and each.daemon_id not in passed]
    return min(able, key=lambda each: (-each.free, each.daemon_id)).daemon_id if able else None
