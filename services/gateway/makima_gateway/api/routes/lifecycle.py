"""Changes a contract's status: one route per action, and `POST …/status` for old clients."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from fastapi import APIRouter
from makima_schemas.commands import Accepted, Problem
from makima_schemas.contract.actions import ACTION_TO_ACTIVE, ENHANCED_ACTIONS, ENHANCED_STATUSES
from makima_schemas.contract.commands import (
    ArchiveContract,
    BlockContract,
    CompleteContract,
    ContractCommand,
    FailContract,
    PauseContract,
    ReopenContract,
    ResumeContract,
    StartContract,
    UnblockContract,
)
from starlette.responses import Response

from makima_gateway.api.reads import ContractId
from makima_gateway.api.schemas.contracts import ActionRequest, Contract, NewStatus
from makima_gateway.api.writes import WriteContext, WriteResult, Writing, refused
from makima_gateway.http.feature_flags import check_enhanced
from makima_gateway.http.problems import unknown_contract

router = APIRouter(tags=["lifecycle"])
Make = Callable[[str | None], ContractCommand]

# Action → its command, made from the reason in the request.
ACTIONS: Final[Mapping[str, Make]] = {
    "start": lambda _reason: StartContract(),
    "pause": PauseContract,
    "resume": lambda _reason: ResumeContract(),
    "block": BlockContract,
    "unblock": lambda _reason: UnblockContract(),
    "fail": FailContract,
    "reopen": ReopenContract,
    "complete": lambda _reason: CompleteContract(),
    "archive": lambda _reason: ArchiveContract(),
}


def _check_known(write: WriteContext, feature: str) -> None:
    """Raises `FEATURE_OFF` for an action or status that needs the feature flag while it is off.

    Setting the status `active` stays allowed and leads out of each added status, so that no contract is stuck
    in one after the flag is switched off.
    """
    if feature in ENHANCED_ACTIONS or feature in ENHANCED_STATUSES:
        check_enhanced(write.gateway.settings.feature_flags, feature)


def _route(name: str, make: Make) -> Callable[..., Awaitable[Response]]:
    """The handler of the route of one action."""

    async def act(contract_id: ContractId, write: Writing, body: ActionRequest = ActionRequest()) -> Response:  # noqa: B008 - frozen, and FastAPI reads it here
        _check_known(write, name)
        return await write.contract(await write.send(contract_id, make(body.reason), body.expected_version))

    return act


for _name, _make in ACTIONS.items():
    router.add_api_route(
        f"/contracts/{{contract_id}}/{_name}",
        _route(_name, _make),
        methods=["POST"],
        response_model=Contract,
        name=f"{_name}_contract",
    )


@router.post("/contracts/{contract_id}/status", response_model=Contract)
async def set_status(contract_id: ContractId, body: NewStatus, write: Writing) -> Response:
    """Sends the command that leads from the contract's present status to the given one."""
    _check_known(write, body.status)
    candidates = await _candidates(write, contract_id, body)
    return await write.contract(await _first_answer_of(write, contract_id, candidates, body.expected_version))


async def _candidates(write: WriteContext, contract_id: str, body: NewStatus) -> Sequence[ContractCommand]:
    """The command that leads to the wanted status from the present one.

    If the request has an idempotency key, it may be a repeat, and the status may have changed since: then
    also the other commands that may have led there at the first try.
    """
    match body.status:
        case "active":
            row = await write.gateway.queries.contract(write.principal.tenant, contract_id)
            if row is None:
                raise unknown_contract(contract_id)
            actions = dict.fromkeys(
                (ACTION_TO_ACTIVE.get(row.status, "start"), "start", *ACTION_TO_ACTIVE.values())
            )
            commands = [ACTIONS[action](body.reason) for action in actions]
        case "paused":
            commands = [PauseContract(body.reason)]
        case "blocked":
            commands = [BlockContract(body.reason)]
        case "completed":
            commands = [CompleteContract()]
        case "failed":
            commands = [FailContract(body.reason)]
        case "archived":
            commands = [ArchiveContract(complete_first=True)]
    return commands if write.repeatable else commands[:1]


async def _first_answer_of(
    write: WriteContext, contract_id: str, commands: Sequence[ContractCommand], expected: int | None
) -> WriteResult:
    """Send the first command; if it is refused and its id was answered before, find the first answer.

    An id that was answered once changes nothing under another command, so it is safe to send the same id with
    each of the other commands until one returns the first answer.
    """
    reply = await write.ask(contract_id, commands[0], expected)
    if (
        isinstance(reply, Problem)
        and await write.gateway.log.answered(write.principal.tenant, write.command_id, b"") is not None
    ):
        for command in commands[1:]:
            again = await write.ask(contract_id, command, expected)
            if isinstance(again, Accepted):
                return await write.wait_until_readable(contract_id, again)
    if isinstance(reply, Problem):
        raise refused(reply)
    return await write.wait_until_readable(contract_id, reply)
