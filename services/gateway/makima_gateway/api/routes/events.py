"""Lists a contract's events from the log as CloudEvents 1.0."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from makima_schemas.envelope import to_cloudevent
from makima_schemas.identity import stream_name
from starlette.responses import Response

from makima_gateway.api.reads import MAX_POSITION, ContractId, Cursor, Limit, Reading
from makima_gateway.api.schemas.contracts import EventPage
from makima_gateway.http import pagination as cursors

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
    found = await read.gateway.log.stream(
        read.principal.tenant, stream, after if seen is None else seen, limit + 1
    )
    shown, following = cursors.page(found, limit, "events", lambda row: row.version)
    return read.answer(
        {"items": [orjson.Fragment(to_cloudevent(event)) for event in shown], "next_cursor": following}
    )
