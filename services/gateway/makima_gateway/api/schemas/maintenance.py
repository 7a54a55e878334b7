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
    window, which has the scope's name as its `id`.
    """

    id: str
    scope: str
    started_at: datetime
    until: datetime
    reason: str
    started_by: str


@dataclass(frozen=True, slots=True)
class MaintenanceWindows:
    """Oldest first."""

    items: list[MaintenanceWindow]


class StartMaintenanceBody(Body):
    """`scope`: `all`, `owner:<id>`, `daemon:<id>` or `contract:<id>`. A second one of the same scope replaces the
    first.
    """

    scope: Scope
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
