"""Decides whether a contract is stale: active status, no live supervisor, no activity for too long."""

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

from makima_stale_detector.domain.members.sender import Row

EVENTS: Final[frozenset[type]] = frozenset(
    (*get_args(ContractEvent), SupervisorRegistered, SupervisorStateChanged, StaleDetected, StaleCleared)
)


@dataclass(frozen=True, slots=True)
class Progress:
    """The part of a contract's state that staleness depends on: a row of the table `contracts`."""

    status: ContractStatus
    version: int  # version of the contract's stream; guard of `StaleDetected`
    last_activity_at: datetime
    # Start of the stale timer: the last activity, or the return into an active status if that was later, so
    # that a pause does not count.
    counts_from: datetime
    counts_position: int  # position of the event that started the timer; it identifies the episode
    owner_id: str = ""
    stale_after_seconds: float | None = None  # threshold of this contract; None: the default setting
    # Task ids; the table keeps one of them: that there is one is all that counts.
    live_supervisors: frozenset[str] = frozenset()
    episode: int | None = None  # position of the `StaleDetected` that is not cleared; None: not stale
    # False until the first activity event. Until then every event of the contract counts as activity (plan
    # 1.5); otherwise the timer of a contract created before activity was recorded would start at its
    # creation.
    ever_active: bool = False

    @property
    def exposed(self) -> bool:
        """True if the contract can become stale: active status and no live supervisor."""
        return self.status in ACTIVE_STATUSES and not self.live_supervisors

    @property
    def over(self) -> bool:
        """True if an open stale episode has ended: newer activity, or the contract can no longer be stale."""
        return self.episode is not None and (not self.exposed or self.counts_position > self.episode)


def progress(row: Row) -> Progress:
    """Build a contract's progress from a row of the table `contracts`."""
    return Progress(
        ContractStatus(row["status"]),
        row["version"],
        row["last_activity_at"],
        row["counts_from"],
        row["counts_position"],
        row["owner_id"],
        row["stale_after_seconds"],
        frozenset(row["live_supervisors"]),
        row["episode"],
        row["ever_active"],
    )


def contract_of(recorded: Recorded, event: Event) -> str | None:
    """Id of the contract whose staleness the event may change; None if there is none."""
    match event:
        case SupervisorRegistered(contract_id) | SupervisorStateChanged(contract_id):
            return contract_id
        case StaleDetected(contract_id) | StaleCleared(contract_id):
            return contract_id
        case _:
            return recorded.entity_id if recorded.category == "contract" else None


def moved(events: Iterable[Recorded]) -> frozenset[str]:
    """Ids of contracts whose staleness these events may change. Undecodable events are skipped."""
    found: set[str] = set()
    for recorded in events:
        if CLASS_BY_NAME.get(recorded.type) not in EVENTS:
            continue
        with suppress(UndecodableError, UnknownEventError):
            contract_id = contract_of(recorded, decode(recorded.type, recorded.schema, recorded.data))
            if contract_id is not None:
                found.add(contract_id)
    return frozenset(found)


def evolve(before: Progress | None, recorded: Recorded, event: Event) -> Progress | None:
    """Fold one event. None: the contract is deleted, or unknown (a supervisor may name any contract)."""
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
        return replace(
            after,
            counts_from=max(before.counts_from, recorded.recorded_at),
            counts_position=recorded.position,
        )
    return after


def _supervised(
    before: Progress, recorded: Recorded, event: SupervisorRegistered | SupervisorStateChanged
) -> Progress:
    """Fold a supervisor event: it counts as activity at the time of the heartbeat that caused it.

    A verdict (`heartbeat_expired`) counts at the time of the last heartbeat, which its evidence contains.
    """
    state = event.state if isinstance(event, SupervisorRegistered) else event.new_state
    task = frozenset({recorded.entity_id})
    live = before.live_supervisors - task if state in ENDED else before.live_supervisors | task
    after = replace(before, live_supervisors=live)
    match event:
        case SupervisorStateChanged(changed_by="heartbeat_expired", evidence=evidence):
            return _active(after, recorded, evidence.last_heartbeat_at if evidence is not None else None)
        case _:
            return _active(
                after, recorded, event.heard.at if event.heard is not None else recorded.recorded_at
            )


def _active(before: Progress, recorded: Recorded, at: datetime | None) -> Progress:
    moment = at or before.last_activity_at
    return replace(
        before,
        last_activity_at=max(before.last_activity_at, moment),
        counts_from=max(before.counts_from, moment),
        counts_position=recorded.position,
    )
