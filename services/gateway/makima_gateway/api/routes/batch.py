"""Runs one operation on many contracts, for administrators."""

from fastapi import APIRouter
from starlette.responses import Response

from makima_gateway.api.reads import MIN_POSITION_TIMEOUT_SECONDS
from makima_gateway.api.writes import Writing
from makima_gateway.batch.job import BatchJob
from makima_gateway.batch.ledger import AFFECTED, Outcome
from makima_gateway.batch.operations import ItemDispatcher, check_known
from makima_gateway.batch.schemas import Batch, BatchAnswer, BatchError
from makima_gateway.http.responses import POSITION, READ_BEHIND, json_response

router = APIRouter(tags=["batch"])


@router.post("/contracts/batch", response_model=BatchAnswer)
async def run_batch(body: Batch, write: Writing) -> Response:
    """Each contract is handled on its own: one that fails is listed in `errors`, and the others are done.

    With `dry_run` nothing is changed: the response lists the contracts that would be. A repeat with the same
    idempotency key gets the first response, or resumes the batch where it was interrupted.
    """
    check_known(write.gateway.settings.feature_flags, body.operation)
    run = BatchJob(
        ItemDispatcher(write.gateway.bus, write.gateway.batch_ledger, write.principal, write.command_id), body
    )
    if body.dry_run:
        return json_response(_response(body, await run.preview()))
    outcomes, position = await run.execute()
    behind = not await write.gateway.projector.wait_for(position, MIN_POSITION_TIMEOUT_SECONDS)
    return json_response(
        _response(body, outcomes), {POSITION: str(position)} | ({READ_BEHIND: "true"} if behind else {})
    )


def _response(body: Batch, outcomes: list[Outcome]) -> BatchAnswer:
    affected = [one.contract_id for one in outcomes if one.outcome == AFFECTED]
    errors = [
        BatchError(one.contract_id, one.outcome, one.detail or "")
        for one in outcomes
        if one.outcome != AFFECTED
    ]
    return BatchAnswer(body.operation, len(affected), affected, errors)
