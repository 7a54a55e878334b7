"""Lists a contract's events, and what happened around it, from the log as CloudEvents 1.0."""

from typing import Annotated

from fastapi import APIRouter, Query
from makima_schemas.envelope import to_cloudevent
from makima_schemas.identity import stream_name
from starlette.responses import Response

from makima_gateway.api.reads import MAX_AGENTS, ContractId, Reading
from makima_gateway.api.schemas.contracts import EventPage
from makima_gateway.api.timeline_query import EventsQuery, TimelineQuery, list_name
from makima_gateway.http import pagination as cursors
from makima_gateway.read_model.timeline import stream_page, timeline, timeline_streams

router = APIRouter(tags=["events"])


@router.get("/contracts/{contract_id}/events", response_model=EventPage)
async def list_events(
    contract_id: ContractId, query: Annotated[EventsQuery, Query()], read: Reading
) -> Response:
    """The contract's own events by version, between `after` and `before`, both exclusive. A cursor goes on in the order
    of its page, whatever was appended meanwhile: newest first, that is not seen any more.
    """
    span = query.span
    await read.contract(contract_id)
    stream = stream_name("contract", contract_id)
    found, cut = await stream_page(read.gateway.log, read.principal.tenant, stream, span, query.limit + 1)
    of = list_name("events", span)
    return read.answer(cursors.page(found, query.limit, of, lambda row: row.version, to_cloudevent, cut=cut))


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
    of = list_name("timeline", span)
    return read.answer(cursors.page(found, query.limit, of, lambda row: row.position, to_cloudevent, cut=cut))
