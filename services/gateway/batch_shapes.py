"""What a batch answers."""

from dataclasses import dataclass


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
