"""Lists a contract's events, and what happened around it, from the log as CloudEvents 1.0."""

from typing import Annotated

from fastapi import APIRouter, Query
from makima_schemas.envelope import Recorded, to_cloudevent
from makima_schemas.identity import stream_name
from starlette.responses import Response

from makima_gateway.api.reads import MAX_AGENTS, MAX_POSITION, ContractId, Cursor, Limit, Reading
from makima_gateway.api.schemas.contracts import EventPage
from makima_gateway.api.timeline_query import TimelineQuery
from makima_gateway.http import pagination as cursors
from makima_gateway.read_model.history import pages
from makima_gateway.read_model.timeline import timeline, timeline_streams

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


@router.get("/contracts/{contract_id}/timeline", response_model=EventPage)
async def list_timeline(
    contract_id: ContractId, query: Annotated[TimelineQuery, Query()], read: Reading
) -> Response:
    """By position: the contract's own events, and those of its supervisors and agents, of the completion detector, and
    the verdicts of silence. At most 500 supervisors and 500 roles are looked at.
    """
    wanted, span = query.wanted, query.span
    await read.contract(contract_id)
    tenant, agents = read.principal.tenant, read.gateway.agents
    roles = await agents.roles(tenant, contract_id, MAX_AGENTS)
    supervisors = await agents.supervisors_of(tenant, contract_id, MAX_AGENTS)
    streams = timeline_streams(contract_id, roles, supervisors, wanted)
    found, cut = await timeline(read.gateway.log, tenant, streams, span, query.limit + 1)
    return read.answer(
        cursors.page(found, query.limit, query.list_name, lambda row: row.position, to_cloudevent, cut=cut)
    )
