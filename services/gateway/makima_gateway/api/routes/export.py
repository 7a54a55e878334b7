"""Exports a contract as one JSON document."""

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from makima_gateway.api.export import Export, written
from makima_gateway.api.reads import ContractId, Reading
from makima_gateway.http.responses import MEDIA_TYPE, etag

router = APIRouter(tags=["contracts"])


@router.get("/contracts/{contract_id}/export", response_model=Export)
async def export_contract(contract_id: ContractId, read: Reading) -> Response:
    """All its events as CloudEvents, and the contract, tasks, questions and messages that they fold to."""
    row = await read.contract(contract_id)
    log = read.gateway.log
    enhanced = read.gateway.enhanced
    document = written(log, str(await log.epoch()), row, enhanced=enhanced)
    return StreamingResponse(document, headers=read.headers | etag(row.version), media_type=MEDIA_TYPE)
