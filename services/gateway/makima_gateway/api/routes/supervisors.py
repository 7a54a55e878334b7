"""Shows a contract's supervisor from the log and its latest heartbeat, lists its heartbeats, restarts it."""

from typing import Annotated, cast

import orjson
from fastapi import APIRouter, Query
from makima_schemas.codec import encode
from makima_schemas.commands import Problem
from makima_schemas.contract.model import NOT_RESTARTED_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Member, Refused
from makima_schemas.supervisor import RestartSupervisor, SupervisorState
from starlette.responses import Response

from makima_gateway.api.reads import ContractId, Reading
from makima_gateway.api.schemas.senders import Heartbeats, Restart, RestartAsked, SupervisorStatus
from makima_gateway.api.supervisor_heartbeats import OWNER, heartbeats_of, known_supervisor, last_heartbeat
from makima_gateway.api.writes import Writing, refused
from makima_gateway.auth.principal import request_for
from makima_gateway.http.responses import json_response
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat
from makima_gateway.read_model.rows import SupervisorRow

router = APIRouter(tags=["supervisors"])


@router.get("/contracts/{contract_id}/supervisor/status", response_model=SupervisorStatus)
async def supervisor_status(contract_id: ContractId, read: Reading) -> Response:
    """503 `SUPERVISOR_DEAD`, a problem with the same members, if the supervisor's heartbeats timed out."""
    row = await known_supervisor(read.gateway, read.principal.tenant, contract_id)
    status = _status(row, await last_heartbeat(read.gateway, row.contract_id, row.task_id))
    if row.state == SupervisorState.INTERRUPTED:
        paused = (await read.contract(contract_id)).status in NOT_RESTARTED_STATUSES
        members = cast("dict[str, Member]", orjson.loads(encode(status)))
        raise Refused(
            ErrorCode.SUPERVISOR_DEAD,
            f"supervisor {row.task_id} stopped sending heartbeats",
            hint=f"{'resume the contract, then ' if paused else ''}restart it, or wait for its next heartbeat",
            **members,
        )
    return read.answer(status)


@router.get("/contracts/{contract_id}/supervisor/heartbeats", response_model=Heartbeats)
async def supervisor_heartbeats(
    contract_id: ContractId, read: Reading, limit: Annotated[int, Query(ge=1, le=500)] = 10
) -> Response:
    """Newest first."""
    await read.contract(contract_id)
    reply = await heartbeats_of(read.gateway, read.principal.tenant, limit, contract_id=contract_id)
    if isinstance(reply, Problem):
        raise refused(reply)
    return read.answer(reply)


@router.post("/contracts/{contract_id}/supervisor/restart", status_code=202, response_model=RestartAsked)
async def restart_supervisor(contract_id: ContractId, write: Writing, body: Restart = Restart()) -> Response:  # noqa: B008 - frozen
    """Asks the daemon that runs the supervisor to restart it, also if it is alive.

    400 `INVALID_TRANSITION` in a paused contract: resume it first. 503 `UNAVAILABLE` if the daemon is disconnected.
    """
    row = await known_supervisor(write.gateway, write.principal.tenant, contract_id)
    request = request_for(write.principal, write.command_id, row.task_id, RestartSupervisor(body.reason))
    reply = await write.gateway.bus.ask(OWNER, "restart_supervisor", request)
    if isinstance(reply, Problem):
        raise refused(reply)
    written = await write.wait_until_readable(contract_id, reply)
    return json_response(RestartAsked(row.task_id, row.daemon_id, body.reason), written.headers, status=202)


def _status(row: SupervisorRow, latest: LatestHeartbeat | None) -> SupervisorStatus:
    """State and phase from the newer of the two sources: the last event (`row`) or the last heartbeat
    (`latest`).
    """
    heartbeat: dict[str, object] = {} if latest is None else latest.heartbeat
    newer = row.alive and latest is not None and latest.at is not None and latest.at >= row.changed_at
    activity = cast("str | None", heartbeat.get("activity"))
    return SupervisorStatus(
        task_id=row.task_id,
        state=str(heartbeat.get("state", row.state)) if newer else row.state,
        phase=str(heartbeat.get("phase", row.phase)) if newer else row.phase,
        current_activity=activity,
        activity=activity,
        progress=cast("int | None", heartbeat.get("progress")),
        last_heartbeat=None if latest is None else latest.at,
        pending_task_ids=cast("list[str]", heartbeat.get("pending_task_ids", [])),
        alive=row.alive,
        stuck=row.stuck_proof is not None,
    )
