"""Reads a contract's snapshot for a query, after the read model has caught up with the log."""

from typing import Final

from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_completion_detector.domain.snapshot import Snapshot
from makima_completion_detector.queries import Queries

READ_MODEL_CATCH_UP_SECONDS: Final = 1.0  # the longest wait; then the snapshot is read as it is


class ContractLookup:
    """Gives queries read-your-writes: includes all events that the log held when the query arrived."""

    def __init__(self, queries: Queries, log: Log, projector: Projector) -> None:
        self._queries, self._log, self._projector = queries, log, projector

    async def find(self, tenant: str, contract_id: str) -> Snapshot:
        """The contract's snapshot. Raises `Refused(CONTRACT_NOT_FOUND)`."""
        await self._projector.wait_for(await self._log.head(), READ_MODEL_CATCH_UP_SECONDS)
        contract = await self._queries.snapshot(tenant, contract_id)
        if contract is None:
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, f"there is no contract {contract_id}")
        return contract
