"""Runs one operation on many contracts: on selected ones, or, for administrators, on all that fit."""

from collections.abc import Sequence
from typing import cast

from fastapi import APIRouter
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from starlette.responses import Response

from makima_gateway.api.reads import MIN_POSITION_TIMEOUT_SECONDS
from makima_gateway.api.writes import WriteContext, Writing
from makima_gateway.auth.policy import Role
from makima_gateway.batch.job import BatchJob
from makima_gateway.batch.ledger import AFFECTED, Outcome
from makima_gateway.batch.operations import ItemDispatcher, check_known
from makima_gateway.batch.schemas import (
    SELECTED,
    Batch,
    BatchAnswer,
    BatchError,
    BatchOperation,
    SelectedAnswer,
    SelectedOperation,
    Selection,
)
from makima_gateway.batch.selected import OPERATIONS as SELECTED_OPERATIONS
from makima_gateway.batch.selected import SelectedBatch
from makima_gateway.http.feature_flags import check_enhanced
from makima_gateway.http.responses import POSITION, READ_BEHIND, json_response

router = APIRouter(tags=["batch"])


@router.post("/contracts/batch", response_model=BatchAnswer | SelectedAnswer)
async def run_batch(body: Batch, write: Writing) -> Response:
    """Each contract is handled on its own: one that fails is listed in `errors`, and the others are done.

    With `dry_run` nothing is changed: the response lists the contracts that would be. A repeat with the same
    idempotency key gets the first response, or resumes the batch where it was interrupted. With `ids` each is at the
    version that was looked at, or is skipped.
    """
    if body.ids is not None and body.operation in SELECTED:
        return await _selected(body, body.ids, write)
    if write.principal.role is not Role.ADMIN:
        raise Refused(
            ErrorCode.FORBIDDEN,
            f"the role {write.principal.role} may not run {body.operation}",
            hint=f"send one of {', '.join(sorted(SELECTED))} with ids, or use a token of the role admin",
            roles=[Role.ADMIN],
        )
    return await _all_that_fit(body, write)


async def _selected(body: Batch, ids: Sequence[Selection], write: WriteContext) -> Response:
    operation = cast("SelectedOperation", body.operation)
    gateway = write.gateway
    if SELECTED_OPERATIONS[operation].enhanced:
        check_enhanced(gateway.settings.feature_flags, operation)
    batch = SelectedBatch(
        gateway.bus, gateway.queries, write.principal, write.command_id, operation, ids, body.reason
    )
    if body.dry_run:
        return json_response(await batch.preview())
    answer, position = await batch.execute()
    return await _answered(write, answer, position)


async def _all_that_fit(body: Batch, write: WriteContext) -> Response:
    operation = cast("BatchOperation", body.operation)
    check_known(write.gateway.settings.feature_flags, operation)
    run = BatchJob(
        ItemDispatcher(write.gateway.bus, write.gateway.batch_ledger, write.principal, write.command_id), body
    )
    if body.dry_run:
        return json_response(_response(body, await run.preview()))
    outcomes, position = await run.execute()
    return await _answered(write, _response(body, outcomes), position)


async def _answered(write: WriteContext, answer: object, position: int) -> Response:
    behind = not await write.gateway.projector.wait_for(position, MIN_POSITION_TIMEOUT_SECONDS)
    return json_response(answer, {POSITION: str(position)} | ({READ_BEHIND: "true"} if behind else {}))


def _response(body: Batch, outcomes: list[Outcome]) -> BatchAnswer:
    affected = [one.contract_id for one in outcomes if one.outcome == AFFECTED]
    errors = [
        BatchError(one.contract_id, one.outcome, one.detail or "")
        for one in outcomes
        if one.outcome != AFFECTED
    ]
    return BatchAnswer(body.operation, len(affected), affected, errors)
