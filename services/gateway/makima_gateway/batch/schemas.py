"""What a batch answers."""

from dataclasses import dataclass
from typing import Annotated, Literal

from makima_schemas.contract.model import ContractStatus
from pydantic import Field

from makima_gateway.http.bodies import Body


@dataclass(frozen=True, slots=True)
class BatchError:
    id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """`affected_ids` of a dry run: what would be asked for."""

    operation: str
    affected_count: int
    affected_ids: list[str]
    errors: list[BatchError]


BatchOperation = Literal["archive_old", "pause_all", "resume_all", "cleanup_archived", "restart_stale", "cleanup_worktrees"]


class Batch(Body):
    """`older_than_hours` counts from `status_changed_at`: 168 for what archives or cleans up, else as long as may be."""

    operation: BatchOperation
    older_than_hours: Annotated[float, Field(ge=0, le=876_000, allow_inf_nan=False)] | None = None
    status_filter: Annotated[tuple[ContractStatus, ...], Field(min_length=1)] | None = None
    dry_run: bool = False
