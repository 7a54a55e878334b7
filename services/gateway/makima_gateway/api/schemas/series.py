"""Response schema of the vital signs."""

from datetime import datetime

from pydantic import BaseModel, Field

from makima_gateway.system.series import SeriesName


class SystemSeriesView(BaseModel):
    """Vital signs: of each name one value a step, oldest first; null where it is not known."""

    step_seconds: int
    begins: datetime = Field(alias="from", description="when the first step began")
    values: dict[SeriesName, list[float | None]]
