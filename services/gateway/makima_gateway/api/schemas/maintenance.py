"""Request and response schemas of maintenance windows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from makima_schemas.silence import Scope
from pydantic import AwareDatetime, Field

from makima_gateway.http.bodies import Body


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Verdicts of silence about the senders of `scope` wait until `until`, or until it is ended. Of a scope there is one
    window, which has the scope's name as its `id`. One that is `planned` begins at `started_at`, which is still to
    come: until then silence counts.
    """

    id: str
    scope: str
    started_at: datetime
    until: datetime
    reason: str
    started_by: str
    planned: bool = False


@dataclass(frozen=True, slots=True)
class MaintenanceWindows:
    """By their beginning: the oldest that is open first, the planned ones last."""

    items: list[MaintenanceWindow]


class StartMaintenanceBody(Body):
    """`scope`: `all`, `owner:<id>`, `daemon:<id>` or `contract:<id>`. A second one of the same scope replaces the
    first. `starts_at`: when it begins; without it, or with null, now.
    """

    scope: Scope
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    starts_at: AwareDatetime | None = None
