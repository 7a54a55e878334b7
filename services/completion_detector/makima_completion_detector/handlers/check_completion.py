"""The query `check_completion`: is it done, what is missing — and the flow starts, where the switches are on."""

from collections.abc import Callable

from makima_kernel.telemetry import traces
from makima_schemas import questions
from makima_schemas.errors import ErrorCode
from makima_completion_detector.domain.next_action import would_complete
from makima_completion_detector.handlers.contract_lookup import ContractLookup
from makima_completion_detector.queries import Queries


class CheckCompletion:
    """`would_complete` tells what the gate says, whatever the switches."""

    def __init__(self, queries: Queries, lookup: ContractLookup, wake: Callable[[], None]) -> None:
        self._queries = queries
        self._lookup = lookup
        self._wake = wake

    async def handle(self, question: questions.CheckCompletion) -> questions.CompletionCheck:
        """Raises `Refused(CONTRACT_NOT_FOUND)`. The look that it asks for goes the way of all looks, and finds its own switches."""
        found = question.contract_id, question.tenant
        await self._projector.wait_for(await self._lookup.find("check_completion", question)
        contract = found.contract
        gate = contract.readiness()
        if contract.status in ACTIVE_STATUSES:
            await self._queries.enqueue(found.tenant, found.contract_id, traces.traceparent())
            self._wake()
        return {
            "ready": gate.ready,
            "would_complete": would_complete(contract),
            "missing": list(gate.missing),
        }
