"""Rules of one save of a supervisor's state: how much, after which one, and as which event."""

from dataclasses import dataclass

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused, over_quota
from makima_schemas.saved_state import hash_of, refuse_oversize, size_of
from makima_schemas.supervisor import CheckpointSaved, SaveKind, SupervisorSaved

from makima_supervisor_heartbeat.domain.in_force import (
    TRY_AGAIN,
    not_found,
    speaks,
    superseded,
)
from makima_supervisor_heartbeat.domain.supervisor_state import Chain, Supervisor


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of saved state a contract and its owner have, and may have."""

    used_of_contract: int
    limit_of_contract: int
    used_of_owner: int
    limit_of_owner: int


@dataclass(frozen=True, slots=True)
class Save:
    """`SaveState`, with how much room there is, which is in other streams of the log."""

    contract_id: str
    kind: SaveKind
    content: str
    connection_id: str | None
    room: Room


def save(command: Save, supervisor: Supervisor) -> SupervisorSaved | CheckpointSaved:
    """Raises `Refused`: SUPERVISOR_NOT_FOUND without any heartbeat so far, SUPERSEDED for a connection that is not in
    force, UNAVAILABLE while it is not settled which one is, and what the limits say.
    """
    if supervisor.contract_id not in ("", command.contract_id):
        raise not_found()
    if command.connection_id is not None and not speaks(
        supervisor, command.contract_id, command.connection_id
    ):
        raise superseded(command.connection_id)
    if supervisor.restoring is not None:
        raise Refused(
            ErrorCode.UNAVAILABLE,
            "a restoration is under way: the next heartbeat settles which connection is in force",
            hint=TRY_AGAIN,
        )
    if supervisor.state is None:
        raise not_found()
    if command.connection_id not in (None, supervisor.connection_id):
        raise Refused(
            ErrorCode.UNAVAILABLE,
            f"no heartbeat of connection {command.connection_id} is recorded yet",
            hint=TRY_AGAIN,
        )
    return _saved(command, supervisor.chain)


def _saved(save: Save, chain: Chain) -> SupervisorSaved | CheckpointSaved:
    """The event of a save. Raises `Refused`: PAYLOAD_TOO_LARGE, QUOTA_EXCEEDED."""
    refuse_oversize(save.content)
    size = size_of(save.content)
    _check(size, save.room.used_of_contract, save.room.limit_of_contract, "the contract", "contract")
    _check(size, save.room.used_of_owner, save.room.limit_of_owner, "the owner", "owner")
    number = chain.number + 1
    hash_ = hash_of(chain.hash, number, save.connection_id, save.kind, save.content)
    if save.kind == "checkpoint":
        return CheckpointSaved(save.contract_id, save.connection_id, save.content, number, chain.hash, hash_)
    return SupervisorSaved(
        save.contract_id, save.connection_id, save.kind, save.content, number, chain.hash, hash_
    )


def _check(size: int, used: int, limit: int, whose: str, setting: str) -> None:
    if used + size > limit:
        detail = f"{whose} has {used} bytes of saved state and may have {limit}; this save has {size}"
        quota = f"saved_state_mib_per_{setting}"
        raise over_quota(quota, limit=limit, used=used, detail=detail, instead="save less")
