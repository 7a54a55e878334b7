"""The query `check_completion`: is it done, what is missing — and the flow starts, where the switches are on."""

from collections.abc import Callable

from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import traces
from makima_schemas.contract.model import ACTIVE_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.refusal import Refused

from makima_completion_detector.domain.next_action import would_complete
from makima_completion_detector.queries import Queries

CHECK_CATCH_UP_SECONDS = 1.0


class CheckCompletion:
    """`{contract_id}` → `{ready, would_complete, missing}`; `would_complete` tells what the gate says, whatever the switches."""

    def __init__(self, queries: Queries, log: Log, projector: Projector, wake: Callable[[], None]) -> None:
        self._queries = queries
        self._log = log
        self._projector = projector
        self._wake = wake

    async def handle(self, question: dict[str, object]) -> dict[str, object]:
        """Raises `Refused(CONTRACT_NOT_FOUND)`. The look that it asks for goes the way of all looks, and finds its own switches."""
        contract_id, tenant = question.get("contract_id"), question.get("tenant", DEFAULT_TENANT)
        if not isinstance(contract_id, str) or not isinstance(tenant, str):
            raise Refused(ErrorCode.INVALID_REQUEST, "check_completion needs a contract_id")
        await self._projector.wait_for(await self._log.head(), CHECK_CATCH_UP_SECONDS)
        contract = await self._queries.snapshot(tenant, contract_id)
        if contract is None:
            raise Refused(ErrorCode.CONTRACT_NOT_FOUND, f"no contract {contract_id}")
        gate = contract.readiness()
        if contract.status in ACTIVE_STATUSES:
            await self._queries.enqueue(tenant, contract_id, traces.traceparent())
            self._wake()
        return {
            "ready": gate.ready,
            "would_complete": would_complete(contract),
            "missing": list(gate.missing),
        }
