"""When a contract is stale: nothing happened for too long, in a status where something should, and no supervisor lives."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, get_args

from makima_schemas.codec import CLASS_BY_NAME, Event, UndecodableError, UnknownEventError, decode
from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ACTIVE_STATUSES, ContractStatus
from makima_schemas.contract.status_effects import ACTIVITY, counts_as_activity, destination
from makima_schemas.envelope import Recorded
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import ENDED, SupervisorRegistered, SupervisorStateChanged

EVENTS: Final[frozenset[type]] = frozenset(
    (*get_args(ContractEvent), SupervisorRegistered, SupervisorStateChanged, StaleDetected, StaleCleared)
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What staleness needs to know of a contract.

    `counts_from` is where its clock starts: the last activity, or its return into a watched status if that was later (nobody is
    reproached with a pause); `counts_position` is the event that started it so. `version` is the contract's stream. `episode` is
    the position of the `StaleDetected` that has not been cleared. `ever_active`: before its first activity, each of its events counts
    as one (plan 1.5: else the clock of a contract from before would start at its creation).
    """

    status: ContractStatus
    version: int
    last_activity_at: datetime
    counts_from: datetime
    counts_position: int
    owner_id: str = ""
    stale_after_seconds: float | None = None
    live_supervisors: frozenset[str] = frozenset()
    episode: int | None = None
    ever_active: bool = False

    @property
    def exposed(self) -> bool:
        """Whether it would be stale if enough time had passed."""
        return self.status in ACTIVE_STATUSES and not self.live_supervisors

    @property
    def over(self) -> bool:
        """Whether an episode that was found has ended: activity has returned, or nobody watches for it any more."""
        return self.episode is not None and (not self.exposed or self.counts_position > self.episode)


def contract_of(recorded: Recorded, event: Event) -> str | None:
    """The contract whose staleness an event may change."""
    match event:
        case SupervisorRegistered(contract_id) | SupervisorStateChanged(contract_id):
            return contract_id
        case StaleDetected(contract_id) | StaleCleared(contract_id):
            return contract_id
        case _:
            return recorded.entity_id if recorded.category == "contract" else None


def moved(news: Iterable[Recorded]) -> frozenset[str]:
    """The contracts whose staleness may be another one after these events: what cannot be read says nothing of any."""
    found: set[str] = set()
    for recorded in news:
        if CLASS_BY_NAME.get(recorded.type) not in EVENTS:
            continue
        with suppress(UndecodableError, UnknownEventError):
            contract_id = contract_of(recorded, decode(recorded.type, recorded.schema, recorded.data))
            if contract_id is not None:
                found.add(contract_id)
    return frozenset(found)


def evolve(before: Progress | None, recorded: Recorded, event: Event) -> Progress | None:
    """Null: a contract that is not known (a supervisor may speak of one that never was), or not any more."""
    match event:
        case e.ContractCreated():
            return Progress(
                ContractStatus.CREATED,
                recorded.version,
                recorded.recorded_at,
                recorded.recorded_at,
                recorded.position,
                event.owner_id,
                event.stale_after_seconds,
            )
        case e.ContractDeleted():
            return None
        case _ if before is None:
            return None
        case SupervisorRegistered() | SupervisorStateChanged():
            return _supervised(before, recorded, event)
        case StaleDetected():
            return replace(before, episode=recorded.position)
        case StaleCleared():
            return replace(before, episode=None)
        case _:
            return _contract(before, recorded, event)


def _contract(before: Progress, recorded: Recorded, event: Event) -> Progress:
    status = destination(event) or before.status
    ever_active = before.ever_active or type(event) in ACTIVITY
    after = replace(before, status=status, version=recorded.version, ever_active=ever_active)
    if counts_as_activity(event, ever_active=before.ever_active):
        return _active(after, recorded, recorded.recorded_at)
    if status in ACTIVE_STATUSES and before.status not in ACTIVE_STATUSES:
        return replace(after, counts_from=max(before.counts_from, recorded.recorded_at), counts_position=recorded.position)
    return after


def _supervised(before: Progress, recorded: Recorded, event: SupervisorRegistered | SupervisorStateChanged) -> Progress:
    """A supervisor's word is a heartbeat, and heartbeats are activity; a verdict says when the last one came."""
    state = event.state if isinstance(event, SupervisorRegistered) else event.new_state
    task = frozenset({recorded.entity_id})
    live = before.live_supervisors - task if state in ENDED else before.live_supervisors | task
    after = replace(before, live_supervisors=live)
    match event:
        case SupervisorStateChanged(changed_by="heartbeat_expired", evidence=evidence):
            return _active(after, recorded, evidence.last_heartbeat_at if evidence is not None else None)
        case _:
            return _active(after, recorded, event.heard.at if event.heard is not None else recorded.recorded_at)


def _active(before: Progress, recorded: Recorded, at: datetime | None) -> Progress:
    moment = at or before.last_activity_at
    return replace(
        before,
        last_activity_at=max(before.last_activity_at, moment),
        counts_from=max(before.counts_from, moment),
        counts_position=recorded.position,
    )
