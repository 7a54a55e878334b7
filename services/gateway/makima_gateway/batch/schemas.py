"""Request and response schemas of a batch."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, get_args

from makima_schemas.contract.model import ContractStatus, Id
from pydantic import Field, Strict, model_validator

from makima_gateway.http.bodies import Body, Flag, Text, Version


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


@dataclass(frozen=True, slots=True)
class SelectedContract:
    """A contract to which the operation was, or would be, applied, and its version after, or before that."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class SelectedAnswer:
    """The outcome of a batch over selected contracts: `skipped`, to which it does not apply; `errors`, which failed."""

    operation: str
    affected: list[SelectedContract]
    skipped: list[BatchError]
    errors: list[BatchError]


class Selection(Body):
    """A selected contract. Without `expected_version`, whatever its version is."""

    id: Id
    expected_version: Version | None = None


SelectedOperation = Literal["pause", "resume", "archive", "unblock", "restart_supervisor"]
SELECTED: Final[frozenset[str]] = frozenset(get_args(SelectedOperation))
# Takes ids as well: a contract that is deleted is in no list, but a machine may still have a worktree of it.
CLEANUP: Final = "cleanup_worktrees"
BatchOperation = Literal[
    "archive_old", "pause_all", "resume_all", "cleanup_archived", "restart_stale", "cleanup_worktrees"
]


class Batch(Body):
    """An operation on many contracts: on those in `ids`, or, for administrators, on all that fit.

    With `ids`: `pause`, `resume`, `archive`, `unblock`, `restart_supervisor`, and `reason`. Without: the others, with
    the other members. `cleanup_worktrees` takes ids as well, also of deleted contracts.

    `older_than_hours`: only contracts whose status has not changed for so long. By default 168 for operations
    that archive or clean up, and no limit for the others.
    """

    operation: BatchOperation | SelectedOperation
    ids: Annotated[tuple[Selection, ...], Field(min_length=1, max_length=500)] | None = None
    reason: Annotated[Text, Field(max_length=2000)] | None = None
    older_than_hours: Annotated[float, Strict(), Field(ge=0, le=876_000, allow_inf_nan=False)] | None = None
    status_filter: Annotated[tuple[ContractStatus, ...], Field(min_length=1)] | None = None
    dry_run: Flag = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.operation in SELECTED) != (self.ids is not None) and self.operation != CLEANUP:
            which = "is for selected contracts: send ids" if self.ids is None else "takes no ids"
            raise ValueError(f"{self.operation} {which}")
        given = {one.id for one in self.ids or ()}
        if len(given) != len(self.ids or ()):
            raise ValueError("ids names a contract twice")
        if self.ids is not None and (self.older_than_hours, self.status_filter) != (None, None):
            raise ValueError("older_than_hours and status_filter are for batches without ids")
        if self.operation not in SELECTED and self.reason is not None:
            raise ValueError(f"{self.operation} takes no reason")
        if self.operation == CLEANUP and any(one.expected_version is not None for one in self.ids or ()):
            raise ValueError("cleanup_worktrees takes no expected_version: it changes no contract")
        return self
