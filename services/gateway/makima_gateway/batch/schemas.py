"""Request and response schemas of a batch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from makima_schemas.contract.model import ContractStatus
from pydantic import Field, Strict

from makima_gateway.http.bodies import Body, Flag


@dataclass(frozen=True, slots=True)
class BatchError:
    """A contract for which the operation was refused."""

    id: str  # of the contract
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The outcome of a batch.

    After a dry run, `affected_ids` are the contracts to which the operation would be applied.
    """

    operation: str
    affected_count: int
    affected_ids: list[str]
    errors: list[BatchError]


BatchOperation = Literal[
    "archive_old", "pause_all", "resume_all", "cleanup_archived", "restart_stale", "cleanup_worktrees"
]


class Batch(Body):
    """An operation on many contracts.

    `older_than_hours`: only contracts whose status has not changed for so long. By default 168 for operations
    that archive or clean up, and no limit for the others.
    """

    operation: BatchOperation
    older_than_hours: Annotated[float, Strict(), Field(ge=0, le=876_000, allow_inf_nan=False)] | None = None
    status_filter: Annotated[tuple[ContractStatus, ...], Field(min_length=1)] | None = None
    dry_run: Flag = False
