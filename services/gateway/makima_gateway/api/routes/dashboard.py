"""The dashboard: contracts by status and phase, stale and waiting contracts, the newest events."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends
from starlette.responses import Response

from makima_gateway.api.features import monitoring
from makima_gateway.api.reads import Reading
from makima_gateway.dashboard.dashboard import Dashboard, dashboard

router = APIRouter(tags=["monitor"], dependencies=[Depends(monitoring)])


@router.get("/contracts/dashboard", response_model=Dashboard)
async def show_dashboard(read: Reading) -> Response:
    """Reads maintained counts, so it costs the same for any number of contracts."""
    found = await read.gateway.dashboard_queries.of(read.principal.tenant, read.principal.visibility.owner_id)
    enhanced = read.gateway.enhanced
    return read.answer(dashboard(found, read.gateway.latest_heartbeats, datetime.now(UTC), enhanced=enhanced))
