"""Creates, lists, claims, starts, releases, completes and hands off the tasks of a contract."""

from fastapi import APIRouter
from makima_schemas.contract.commands import (
    ClaimTask,
    CompleteTask,
    ContractCommand,
    CreateTask,
    HandOffTask,
    ReleaseTask,
    StartTask,
)
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from starlette.responses import Response

from makima_gateway.api import serializers as views
from makima_gateway.api.as_it_was import tasks_as_they_were
from makima_gateway.api.reads import At, ContractId, Cursor, Limit, Reading, TaskId
from makima_gateway.api.schemas.tasks import (
    Claim,
    HandOff,
    NewTask,
    Task,
    TaskActionRequest,
    TaskDone,
    TaskPage,
)
from makima_gateway.api.speaker import check_role, connection_of
from makima_gateway.api.writes import WriteContext, Writing
from makima_gateway.http.responses import json_response

NO_CONNECTION = TaskActionRequest()  # the body may be left out
router = APIRouter(tags=["tasks"])


@router.get("/contracts/{contract_id}/tasks", response_model=TaskPage)
async def list_tasks(
    contract_id: ContractId, read: Reading, limit: Limit = 50, cursor: Cursor = None, at: At = None
) -> Response:
    return await read.page_of(
        contract_id,
        "tasks",
        find=read.gateway.queries.tasks if at is None else await tasks_as_they_were(read, contract_id, at),
        place=lambda row: row.created_position,
        show=views.task,
        limit=limit,
        cursor=cursor,
    )


@router.post("/contracts/{contract_id}/tasks", status_code=201, response_model=Task)
async def create_task(contract_id: ContractId, body: NewTask, write: Writing) -> Response:
    task_id = write.new_id("task")
    command = CreateTask(task_id, body.name, body.phase, body.role, body.plan)
    return await _task(write, contract_id, task_id, command, status=201)


@router.post("/contracts/{contract_id}/tasks/{task_id}/claim", response_model=Task)
async def claim_task(contract_id: ContractId, task_id: TaskId, body: Claim, write: Writing) -> Response:
    check_role(write.principal, body.role)
    connection_id = await _speaks(write, contract_id, task_id, body.connection_id)
    return await _task(write, contract_id, task_id, ClaimTask(task_id, body.role, connection_id))


@router.post("/contracts/{contract_id}/tasks/{task_id}/start", response_model=Task)
async def start_task(
    contract_id: ContractId, task_id: TaskId, write: Writing, body: TaskActionRequest = NO_CONNECTION
) -> Response:
    connection_id = await _speaks(write, contract_id, task_id, body.connection_id)
    return await _task(write, contract_id, task_id, StartTask(task_id, connection_id))


@router.post("/contracts/{contract_id}/tasks/{task_id}/release", response_model=Task)
async def release_task(
    contract_id: ContractId, task_id: TaskId, write: Writing, body: TaskActionRequest = NO_CONNECTION
) -> Response:
    connection_id = await _speaks(write, contract_id, task_id, body.connection_id)
    return await _task(write, contract_id, task_id, ReleaseTask(task_id, connection_id))


@router.post("/contracts/{contract_id}/tasks/{task_id}/complete", response_model=Task)
async def complete_task(contract_id: ContractId, task_id: TaskId, body: TaskDone, write: Writing) -> Response:
    connection_id = await _speaks(write, contract_id, task_id, body.connection_id)
    command = CompleteTask(task_id, body.success, body.result, connection_id)
    return await _task(write, contract_id, task_id, command)


@router.post("/contracts/{contract_id}/tasks/{task_id}/handoff", response_model=Task)
async def hand_off_task(contract_id: ContractId, task_id: TaskId, body: HandOff, write: Writing) -> Response:
    """Completes the task and creates one for `to_role`; the response is the new task."""
    connection_id = await _speaks(write, contract_id, task_id, body.connection_id)
    next_id = write.new_id("task")
    command = HandOffTask(task_id, body.to_role, next_id, body.result, connection_id)
    return await _task(write, contract_id, next_id, command)


async def _speaks(write: WriteContext, contract_id: str, task_id: str, given: str | None) -> str | None:
    """The connection that a call about a task speaks for.

    Raises `FORBIDDEN` for an agent's call about a task of another role; the supervisor's own is its alone. `UNAVAILABLE`
    if whose it is cannot be known now.
    """
    if write.principal.agent is None:
        return given
    tenant, queries = write.principal.tenant, write.gateway.queries
    row = await queries.task(tenant, contract_id, task_id)
    if row is None:  # perhaps one that was made a moment ago
        await write.catch_up()
        row = await queries.task(tenant, contract_id, task_id)
    if row is not None:
        check_role(write.principal, SUPERVISOR_ROLE if row.is_supervisor else row.role)
    return connection_of(write.principal, given)


async def _task(
    write: WriteContext, contract_id: str, task_id: str, command: ContractCommand, *, status: int = 200
) -> Response:
    """Send the command, and answer with the task at the version that it made."""
    written = await write.send(contract_id, command)
    if await write.is_current(written):
        row = await write.gateway.queries.task(write.principal.tenant, contract_id, task_id)
    else:
        row = (await write.as_of(written)).tasks.get(task_id)
    if row is None:
        raise Refused(ErrorCode.TASK_NOT_FOUND, f"there is no task {task_id} in this contract")
    return json_response(views.task(row), written.headers, status=status)
