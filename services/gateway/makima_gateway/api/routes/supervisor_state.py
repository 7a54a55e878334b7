"""Saves and lists what a supervisor saved, hands it out to a daemon that restores it, and asks it for a heartbeat."""

import asyncio
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Query
from makima_kernel.commands.daemon_signal import signal_daemon
from makima_schemas.codec import encode
from makima_schemas.commands import Accepted, Problem
from makima_schemas.contract.model import Id
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import stream_name
from makima_schemas.refusal import Refused
from makima_schemas.saved_state import Save, read_save, refuse_oversize
from makima_schemas.supervisor import RestoreSupervisor, SaveState
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from starlette.responses import Response

from makima_gateway.api.reads import ContractId, Cursor, Limit, ReadContext, Reading
from makima_gateway.api.restored import SupervisorStream, Surroundings, read_stream, restored
from makima_gateway.api.routes.supervisors import OWNER, last_heartbeat, recorded_heartbeat
from makima_gateway.api.schemas.saved_state import (
    Restoration,
    RestoredSupervisor,
    SavedPage,
    StateSave,
    StateSaved,
    Synced,
)
from makima_gateway.api.writes import WriteContext, Writing, refused
from makima_gateway.auth.principal import request_for
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid, unknown_contract
from makima_gateway.http.responses import json_response
from makima_gateway.read_model.history import pages
from makima_gateway.read_model.rows import ContractRow, SupervisorRow

router = APIRouter(tags=["supervisors"])
SYNC_SECONDS: Final = 5.0
SIGNAL_SECONDS: Final = 0.5  # only to hear at once that nobody listens
RESTORE_TIMEOUT_SECONDS: Final = 15.0  # all that was saved is read and checked
MAX_QUESTIONS: Final = 200

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
    task = await _task(write, contract_id, task_id or body.supervisors_task, unknown=True)
    command = SaveState(contract_id, body.kind, content, _own_connection(write, body.connection_id))
    reply = await write.gateway.bus.ask(
        OWNER, "save_state", request_for(write.principal, write.command_id, task, command)
    )
    if isinstance(reply, Problem):
        raise refused(reply)
    written = await write.wait_until_readable(contract_id, reply)
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
    contract = await _contract(write, contract_id)
    if write.principal.agent is not None:
        _own_connection(write, body.connection_id)
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
    return await _restored(write, contract_id, task, body.connection_id, reply)


@router.post(f"{_SUPERVISOR}/sync", response_model=Synced)
async def sync_supervisor(contract_id: ContractId, write: Writing) -> Response:
    """The daemon is asked for a heartbeat of its supervisor, which is waited for up to 5 s."""
    await _contract(write, contract_id)
    row = await write.gateway.queries.supervisor(write.principal.tenant, contract_id)
    if row is None:
        raise _not_found(contract_id)
    heard = await _heard_anew(write, row)
    latest = write.gateway.latest_heartbeats.latest("supervisor", row.task_id)
    state = row.state if latest is None or not heard else str(latest.heartbeat.get("state", row.state))
    return json_response(Synced(heard, state))


async def _heard_anew(write: WriteContext, row: SupervisorRow) -> bool:
    """Asks the daemon; True once the supervisor's next heartbeat came."""
    heartbeats, heard = write.gateway.latest_heartbeats, asyncio.Event()
    before = await recorded_heartbeat(write.gateway, row.contract_id, row.task_id)
    last = None if before is None else before.at
    heartbeats.waiters.add(heard)
    try:
        async with asyncio.timeout(SYNC_SECONDS):
            body = {
                "contract_id": row.contract_id,
                "task_id": row.task_id,
                "role": SUPERVISOR_ROLE,
                "connection_id": row.connection_id,
            }
            nats, daemon = write.gateway.nats, row.daemon_id
            if await signal_daemon(nats, daemon, "sync", body, timeout=SIGNAL_SECONDS) is not None:
                return False
            while True:
                latest = heartbeats.latest("supervisor", row.task_id)
                if latest is not None and latest.at is not None and (last is None or latest.at > last):
                    return True
                await heard.wait()
                heard.clear()
    except TimeoutError:
        return False
    finally:
        heartbeats.waiters.remove(heard)


async def _restored(
    write: WriteContext, contract_id: str, task_id: str, connection_id: str, reply: Accepted
) -> Response:
    gateway, tenant = write.gateway, write.principal.tenant
    written = await write.wait_until_readable(contract_id, reply)
    found = await read_stream(gateway.log, tenant, task_id, connection_id)
    around = Surroundings(
        await _contract(write, contract_id),
        await gateway.queries.open_questions(tenant, contract_id, MAX_QUESTIONS),
        await _answered(write, contract_id, found),
        await gateway.queries.statuses_of_tasks(
            tenant,
            contract_id,
            [*found.history.state.spawned_task_ids, *found.history.state.waiting_on_task_ids],
        ),
        await last_heartbeat(gateway, contract_id, task_id),
    )
    return json_response(restored(task_id, found, around), written.headers)


async def _answered(write: WriteContext, contract_id: str, found: SupervisorStream) -> frozenset[str]:
    rows = [
        await write.gateway.queries.question(write.principal.tenant, contract_id, question_id)
        for question_id in list(found.history.state.questions)[-MAX_QUESTIONS:]
    ]
    return frozenset(row.id for row in rows if row is not None and row.status == "answered")


def _own_connection(write: WriteContext, connection_id: str | None) -> str | None:
    """A process speaks as the connection that its token was made for. Raises `SUPERSEDED` for another one."""
    agent = write.principal.agent
    if agent is None:
        return connection_id
    if connection_id not in (None, agent.connection_id):
        raise Refused(
            ErrorCode.SUPERSEDED,
            f"the token is of connection {agent.connection_id}, and not of {connection_id}",
            hint="leave connection_id out, or get a token for it from the daemon",
        )
    return agent.connection_id


async def _contract(context: ReadContext | WriteContext, contract_id: str) -> ContractRow:
    contract = await context.gateway.queries.contract(context.principal.tenant, contract_id)
    if contract is None:
        raise unknown_contract(contract_id)
    return contract


async def _task(
    context: ReadContext | WriteContext, contract_id: str, task_id: str | None, *, unknown: bool = False
) -> str:
    """The supervisor asked for, of this contract. Raises `SUPERVISOR_NOT_FOUND`.

    `unknown`: one that the read model does not know yet will do, as whoever owns supervisors looks again.
    """
    contract = await _contract(context, contract_id)
    task = task_id or contract.supervisor_task_id or contract.restoring_task_id
    known = (contract.supervisor_task_id, contract.restoring_task_id)
    if task is None:
        raise _not_found(contract_id)
    if unknown or task in known:
        return task
    if await context.gateway.queries.supervisor_of(context.principal.tenant, contract_id, task) is None:
        raise _not_found(contract_id)
    return task


def _not_found(contract_id: str) -> Refused:
    return Refused(
        ErrorCode.SUPERVISOR_NOT_FOUND,
        f"contract {contract_id} has no such supervisor that ever sent a heartbeat",
        hint="send a heartbeat first",
    )


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
