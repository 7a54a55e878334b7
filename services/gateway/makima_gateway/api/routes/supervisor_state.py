"""Saves and lists what a supervisor saved, hands it out to a daemon that restores it, and asks it for a heartbeat."""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Query, Request
from makima_schemas.codec import encode
from makima_schemas.commands import Problem
from makima_schemas.contract.model import Id
from makima_schemas.identity import stream_name
from makima_schemas.saved_state import Save, read_save, refuse_oversize
from makima_schemas.supervisor import RestoreSupervisor, SaveState
from starlette.responses import Response

from makima_gateway.api.reads import ContractId, Cursor, Limit, ReadContext, Reading, known_contract
from makima_gateway.api.restored import restoration
from makima_gateway.api.schemas.saved_state import (
    Restoration,
    RestoredSupervisor,
    SavedPage,
    StateSave,
    StateSaved,
    Synced,
)
from makima_gateway.api.speaker import connection_of
from makima_gateway.api.supervisor_heartbeats import OWNER, heard_anew, known_supervisor
from makima_gateway.api.writes import Writing, refused
from makima_gateway.auth.principal import request_for, turn_of
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid, unknown_supervisor
from makima_gateway.http.responses import json_response
from makima_gateway.read_model.history import pages

router = APIRouter(tags=["supervisors"])
RESTORE_TIMEOUT_SECONDS: Final = 15.0  # all that was saved is read and checked

TaskId = Annotated[Id | None, Query(description="whose state; default: the contract's supervisor")]
_SUPERVISOR: Final = "/contracts/{contract_id}/supervisor"


@router.get(f"{_SUPERVISOR}/state", response_model=SavedPage)
async def list_saved_state(
    contract_id: ContractId, read: Reading, task_id: TaskId = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Read from the log. `intact` is false for a save that is not what was saved."""
    after = cursors.position("state", cursor) or 0
    stream = stream_name("supervisor", await _task(read, contract_id, task_id))
    found, size = list[Save](), 0
    async for events in pages(read.gateway.log, read.principal.tenant, stream, after, None):
        saves = [save for save in map(read_save, events) if save is not None]
        found += saves
        size += sum(len(save.content) for save in saves)
        if len(found) > limit or size > cursors.PAGE_BYTES:
            break
    cut = size > cursors.PAGE_BYTES
    return read.answer(cursors.page(found, limit, "state", lambda save: save.version, _part, cut=cut))


@router.post(f"{_SUPERVISOR}/state", response_model=StateSaved)
async def save_state(
    contract_id: ContractId, body: StateSave, write: Writing, task_id: TaskId = None
) -> Response:
    """Appends to what was saved before; nothing is ever rewritten. A supervisor saves at every answer of its model, task
    that it spawns, question and change of phase; its heartbeats save its activity by themselves.
    """
    content = body.content()
    refuse_oversize(content)
    contract = await write.known_contract(contract_id)
    known = (contract.supervisor_task_id, contract.restoring_task_id)
    # One that the read model does not know yet will do, as whoever owns supervisors looks again.
    task = task_id or body.supervisors_task or known[0] or known[1]
    if task is None:
        raise unknown_supervisor(contract_id)
    command = SaveState(contract_id, body.kind, content, connection_of(write.principal, body.connection_id))
    reply = await write.gateway.bus.ask(
        OWNER, "save_state", request_for(write.principal, write.command_id, task, command)
    )
    if isinstance(reply, Problem):
        raise refused(reply)
    # What was saved is read from the log, which has it.
    is_listed = task in known
    written = (
        write.recorded(contract_id, reply)
        if is_listed
        else await write.wait_until_readable(contract_id, reply)
    )
    return json_response(StateSaved(reply.version), written.headers)


@router.post(f"{_SUPERVISOR}/restore", response_model=RestoredSupervisor)
async def restore_supervisor(contract_id: ContractId, body: Restoration, write: Writing) -> Response:
    """Hands the supervisor out to the daemon that holds the contract; to any that serves the owner while nobody holds it,
    its supervisor is dead or its daemon disconnected; else 409 `SUPERSEDED`.

    `outcome`: `resumed`; `from_checkpoint`, if what was saved does not verify; `fresh`, if nothing was saved or nothing
    of it can be trusted. A heartbeat of the connection proves it; until then the process before may win it back by one.
    """
    own = write.principal.visibility.daemon_id
    if own is not None and body.daemon_id != own:
        raise invalid("body.daemon_id", f"is {body.daemon_id}, and the token is of daemon {own}")
    contract = await write.known_contract(contract_id)
    if write.principal.agent is not None:
        connection_of(write.principal, body.connection_id)
        if body.daemon_id not in (contract.daemon_id, contract.restoring_daemon_id):
            raise invalid("body.daemon_id", "is not the daemon that has the contract, or restores it")
    task = body.task_id or contract.supervisor_task_id or contract.restoring_task_id or write.new_id("task")
    reply = await write.gateway.bus.ask(
        OWNER,
        "restore_supervisor",
        request_for(
            write.principal,
            write.command_id,
            task,
            RestoreSupervisor(contract_id, body.daemon_id, body.connection_id),
        ),
        timeout=RESTORE_TIMEOUT_SECONDS,
    )
    if isinstance(reply, Problem):
        raise refused(reply)
    written = await write.wait_until_readable(contract_id, reply)
    contract = await write.known_contract(contract_id)
    answer = await restoration(write.gateway, write.principal.tenant, contract, task, body.connection_id)
    return json_response(answer, written.headers)


@router.post(f"{_SUPERVISOR}/sync", response_model=Synced)
async def sync_supervisor(contract_id: ContractId, request: Request, write: Writing) -> Response:
    """The daemon is asked for a heartbeat of its supervisor, which is waited for up to 5 s."""
    gateway = write.gateway
    row = await known_supervisor(gateway, write.principal.tenant, contract_id)
    async with turn_of(request).given_back(), gateway.syncs.turn(write.principal.token_id):
        heard = await heard_anew(gateway, row)
    latest = gateway.latest_heartbeats.latest("supervisor", row.task_id)
    state = row.state if latest is None or not heard else str(latest.heartbeat.get("state", row.state))
    return json_response(Synced(heard, state))


async def _task(context: ReadContext, contract_id: str, task_id: str | None) -> str:
    """The supervisor asked for, of this contract. Raises `SUPERVISOR_NOT_FOUND`."""
    contract = await known_contract(context.gateway, context.principal.tenant, contract_id)
    task = task_id or contract.supervisor_task_id or contract.restoring_task_id
    known = (contract.supervisor_task_id, contract.restoring_task_id)
    if task is None:
        raise unknown_supervisor(contract_id)
    if task in known:
        return task
    if await context.gateway.queries.supervisor_of(context.principal.tenant, contract_id, task) is None:
        raise unknown_supervisor(contract_id)
    return task


def _part(save: Save) -> bytes:
    """A save as it is listed; its content as a text if it is no JSON any more."""
    try:
        orjson.loads(save.content)
        content: object = orjson.Fragment(save.content)
    except ValueError:
        content = save.content
    return encode(
        {
            "version": save.version,
            "saved_at": save.saved_at,
            "connection_id": save.connection_id,
            "kind": save.kind,
            "number": save.number,
            "previous_hash": save.previous_hash,
            "hash": save.hash,
            "intact": save.is_intact,
            "content": content,
        }
    )
