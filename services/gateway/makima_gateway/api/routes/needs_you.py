"""What waits for a person: open questions, phases to confirm, blocked contracts, agents beyond revival."""

from datetime import datetime
from typing import Annotated, Literal, cast

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from makima_gateway.api import needs_you as views
from makima_gateway.api.reads import Cursor, Limit, Reading
from makima_gateway.api.schemas.needs_you import NeedPage
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid
from makima_gateway.needs_you.queries import NeedRow, Place

router = APIRouter(tags=["contracts"])
Order = Annotated[Literal["since"], Query(description="longest waiting first")]


@router.get("/needs-you", response_model=NeedPage)
async def needs_you(
    read: Reading, order: Order = "since", limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Each with the request that ends the wait."""
    del order
    gateway, visibility = read.gateway, read.principal.visibility
    after = _place(cursors.name("needs-you", cursor))
    found = await gateway.needs_you.page(visibility.tenant, visibility.owner_id, after, limit + 1)
    page = cursors.page(
        [each for each in found.needs if each.contract_id in found.contracts],
        limit,
        "needs-you",
        _key,
        lambda row: views.need(row, found, gateway.latest_heartbeats),
    )
    return read.answer({**page, "total": found.total})


def _key(row: NeedRow) -> str:
    since, *rest = row.place
    return orjson.dumps([since.isoformat(), *rest]).decode()


def _place(key: str | None) -> Place | None:
    """Raises `INVALID_REQUEST` for a key that no page had."""
    if key is None:
        return None
    try:
        since, kind, contract_id, detail = cast("list[str]", orjson.loads(key))
        return datetime.fromisoformat(since), str(kind), str(contract_id), str(detail)
    except (ValueError, TypeError) as error:
        raise invalid("query.cursor", "is not a cursor of this list") from error
