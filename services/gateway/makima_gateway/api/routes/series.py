"""Shows the vital signs of the last hour."""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from makima_gateway.api.reads import Reading
from makima_gateway.api.schemas.series import SystemSeriesView
from makima_gateway.system.series import KEPT_STEPS, NAMES, STEP_SECONDS, SeriesName, SystemSeries

router = APIRouter(tags=["system"])


def _separated(given: object) -> object:
    """A comma list, a repeated parameter, or both."""
    if not isinstance(given, list):
        return given
    return [part.strip() for text in cast("list[object]", given) for part in str(text).split(",")]


Names = Annotated[
    list[SeriesName] | None,
    BeforeValidator(_separated),
    Query(max_length=20, description="a comma-separated list; all without it"),
]
Minutes = Annotated[int, Query(ge=1, le=KEPT_STEPS, description="how far back")]


@router.get("/system/series", response_model=SystemSeriesView)
async def show_system_series(read: Reading, names: Names = None, minutes: Minutes = KEPT_STEPS) -> Response:
    """One value a minute, oldest first; the last is of the minute that is not over. Null: this gateway does not know.
    Heartbeats and events are per second, the lateness of verdicts in milliseconds, the lag in events.
    """
    now, kept = datetime.now(UTC), read.gateway.series
    return read.answer(
        {
            "step_seconds": STEP_SECONDS,
            "from": SystemSeries.begins(now, minutes),
            "values": {name: kept.values(now, name, minutes) for name in names or NAMES},
        }
    )
