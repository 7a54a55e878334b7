"""Completes a heartbeat that came without a subject: by HTTP, where the path says who sends it.

Nothing is made to fit: whoever reads it from the stream does so, and counts it.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from makima_schemas.heartbeat import AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.heartbeat_reader import RefusedHeartbeatError, Source, members_of

_H = TypeVar("_H", SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)


def completed_supervisor(
    task_id: str | None, contract_id: str, payload: bytes, given: Mapping[str, object]
) -> bytes:
    """As `completed_daemon`, of a supervisor; `task_id` None: the body must have it."""
    ids = {"contract_id": contract_id} | ({} if task_id is None else {"task_id": task_id})
    return _completed(SupervisorHeartbeat, payload, {**ids, **given})


def completed_agent(contract_id: str, role: str, payload: bytes, given: Mapping[str, object]) -> bytes:
    """As `completed_daemon`, of an agent."""
    return _completed(AgentHeartbeat, payload, {"contract_id": contract_id, "role": role, **given})


def completed_daemon(daemon_id: str, payload: bytes, given: Mapping[str, object]) -> bytes:
    """The body to publish of a daemon's heartbeat that came without a subject: `payload`, with the id, and with the
    members of `given` that it leaves out.

    Nothing is made to fit: whoever reads it does so, and counts it. Raises `RefusedHeartbeatError`.
    """
    return _completed(DaemonHeartbeat, payload, {"daemon_id": daemon_id, **given})


def member_of(payload: bytes, member: str) -> object:
    """A member of a body in JSON as it came, e.g. one that only comes by HTTP; None: it has none."""
    return (members_of(DaemonHeartbeat, payload, None) or {}).get(member)


def _completed(cls: type[_H], payload: bytes, given: Mapping[str, object]) -> bytes:
    members = members_of(cls, payload, None)
    if members is None:
        raise RefusedHeartbeatError("the body is no JSON object that can be read", Source(None, None))
    missing = {name: value for name, value in given.items() if name not in members}
    if not missing:
        return payload
    # Written behind the members as they came: read and written again, a byte that is no text would seem to fit.
    return payload.rstrip(b" \t\r\n")[:-1] + (b"," if members else b"") + msgspec.json.encode(missing)[1:]
