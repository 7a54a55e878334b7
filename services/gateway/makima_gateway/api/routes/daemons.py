"""Lists and shows daemons from the log and their latest heartbeats; takes heartbeats by HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from fastapi import APIRouter, Request
from makima_kernel.service.silence_timeout import silence_seconds
from makima_schemas import subjects
from makima_schemas.heartbeat_completion import completed_daemon
from makima_schemas.heartbeat_reader import RefusedHeartbeatError, read_daemon
from starlette.responses import Response

from makima_gateway.api import heartbeats
from makima_gateway.api.lenient_bodies import request_body
from makima_gateway.api.reads import Cursor, DaemonId, Limit, ReadContext, Reading
from makima_gateway.api.schemas.senders import Daemon, DaemonBeat, DaemonHeartbeatRequest, DaemonPage
from makima_gateway.api.writes import Writing
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import unknown_daemon
from makima_gateway.http.responses import json_response
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeat
from makima_gateway.read_model.rows import DaemonRow

router = APIRouter(tags=["daemons"])


@router.get("/daemons", response_model=DaemonPage)
async def list_daemons(read: Reading, limit: Limit = 50, cursor: Cursor = None) -> Response:
    after = cursors.name("daemons", cursor) or ""
    rows = await read.gateway.queries.daemons(read.principal.visibility, after, limit + 1)
    shown = {daemon.id: daemon for daemon in await _daemons(read, rows[:limit])}
    return read.answer(cursors.page(rows, limit, "daemons", lambda row: row.id, lambda row: shown[row.id]))


@router.get("/daemons/{daemon_id}", response_model=Daemon)
async def show_daemon(daemon_id: DaemonId, read: Reading) -> Response:
    row = await read.gateway.queries.daemon(read.principal.tenant, daemon_id)
    if row is None:
        raise unknown_daemon(daemon_id)
    return read.answer((await _daemons(read, [row]))[0])


@router.post(
    "/daemons/{daemon_id}/heartbeat",
    response_model=DaemonBeat,
    openapi_extra=request_body(DaemonHeartbeatRequest),
)
async def daemon_heartbeat(daemon_id: DaemonId, request: Request, write: Writing) -> Response:
    """Publishes the heartbeat to the heartbeat stream, like those that daemons publish themselves.

    It is read as those are: who sends it must fit (`INVALID_REQUEST` for another `daemon_id`, or no JSON object);
    what else does not fit is cut, dropped or replaced by its default, and the health of its contracts says so. The
    response repeats what was made of it, once the broker has stored it, and says how often to send one. An unknown
    daemon is registered by its first one.
    """
    now, body = datetime.now(UTC), await heartbeats.body_of(request)
    try:
        encoded = completed_daemon(daemon_id, body, heartbeats.left_out())
        heartbeats.check_size(encoded)
        beat, _ = read_daemon(daemon_id, encoded, None)
    except RefusedHeartbeatError as error:
        hint = "send a JSON object with the daemon_id of the path, or with none"
        raise heartbeats.unfit(error, hint=hint) from error
    await heartbeats.store(write.gateway.nats, subjects.daemon_heartbeat(daemon_id), encoded)
    times = write.gateway.settings.contracts
    shown = (daemon_id, beat.hostname, True, now, list(beat.agents), beat.worktrees, beat.capacity)
    return json_response(
        DaemonBeat(*shown, times.heartbeat_interval_seconds, silence_seconds(times, "daemon"))
    )


async def _daemons(read: ReadContext, rows: Sequence[DaemonRow]) -> list[Daemon]:
    """The daemons, each with only those agents that the caller may see.

    A daemon may run contracts of several owners. An agent's name begins with the id of its contract.
    """
    daemons = [_daemon(row, read.gateway.latest_heartbeats.latest("daemon", row.id)) for row in rows]
    visibility = read.principal.visibility
    if visibility.owner_id is None:  # an administrator; or a daemon, which sees only itself
        return daemons
    named = {_contract_of(agent) for daemon in daemons for agent in daemon.agents}
    seen = await read.gateway.queries.visible(replace(visibility, daemon_id=None), sorted(named))
    return [
        replace(daemon, agents=[agent for agent in daemon.agents if _contract_of(agent) in seen])
        for daemon in daemons
    ]


def _contract_of(agent: str) -> str:
    return agent.partition(":")[0]


def _daemon(row: DaemonRow, latest: LatestHeartbeat | None) -> Daemon:
    heartbeat: dict[str, object] = {} if latest is None else latest.heartbeat
    return Daemon(
        id=row.id,
        hostname=row.hostname,
        connected=row.connected,
        last_heartbeat=None if latest is None else latest.at,
        agents=cast("list[str]", heartbeat.get("agents", [])),
        worktrees=cast("int", heartbeat.get("worktrees", 0)),
        capacity=cast("int", heartbeat.get("capacity", 0)),
    )
