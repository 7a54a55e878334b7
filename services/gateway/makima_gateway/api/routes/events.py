"""Lists a contract's events from the log as CloudEvents 1.0."""

from typing import Annotated

from fastapi import APIRouter, Query
from makima_schemas.envelope import Recorded, to_cloudevent
from makima_schemas.identity import stream_name
from starlette.responses import Response

from makima_gateway.api.reads import MAX_POSITION, ContractId, Cursor, Limit, Reading
from makima_gateway.api.schemas.contracts import EventPage
from makima_gateway.http import pagination as cursors
from makima_gateway.read_model.history import pages

router = APIRouter(tags=["events"])


@router.get("/contracts/{contract_id}/events", response_model=EventPage)
async def list_events(
    contract_id: ContractId,
    read: Reading,
    after: Annotated[
        int, Query(ge=0, le=MAX_POSITION, description="only events after this version of the contract")
    ] = 0,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """In order of version, those after version `after`, or after the cursor."""
    seen = cursors.position("events", cursor)
    await read.contract(contract_id)
    stream = stream_name("contract", contract_id)
    first = after if seen is None else seen
    found, cut = list[Recorded](), False
    async for events in pages(read.gateway.log, read.principal.tenant, stream, first, limit + 1):
        found += events
        cut = sum(len(event.data) for event in found) > cursors.PAGE_BYTES
        if cut:
            break
    return read.answer(cursors.page(found, limit, "events", lambda row: row.version, to_cloudevent, cut=cut))
