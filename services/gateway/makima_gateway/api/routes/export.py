"""Exports a contract as one JSON document."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from makima_gateway.api.export import Export, Others, written
from makima_gateway.api.reads import ContractId, Reading
from makima_gateway.http.responses import MEDIA_TYPE, etag

router = APIRouter(tags=["contracts"])
MAX_STREAMS: Final = 10_000  # of agents, and of supervisors, that a document has


@router.get("/contracts/{contract_id}/export", response_model=Export)
async def export_contract(contract_id: ContractId, read: Reading) -> Response:
    """All its events as CloudEvents, and the contract, tasks, questions, messages and agents that they fold to."""
    row = await read.contract(contract_id)
    log = read.gateway.log
    enhanced = read.gateway.enhanced
    agents, settings = read.gateway.agents, read.gateway.settings.contracts
    others = Others(
        await agents.roles(row.tenant, row.id, MAX_STREAMS),
        await agents.supervisors_of(row.tenant, row.id, MAX_STREAMS),
        settings,
    )
    document = written(log, str(await log.epoch()), row, others, enhanced=enhanced)
    return StreamingResponse(document, headers=read.headers | etag(row.version), media_type=MEDIA_TYPE)
