"""The query `check_completion`: is the contract done, what is missing — and it is evaluated, where the switches are on."""

from collections.abc import Callable

from makima_kernel.telemetry import traces
from makima_schemas import questions
from makima_schemas.contract.model import ACTIVE_STATUSES

from makima_completion_detector.domain.next_action import would_complete
from makima_completion_detector.handlers.contract_lookup import ContractLookup
from makima_completion_detector.queries import Queries


class CheckCompletion:
    """`would_complete` says whether the gate is satisfied, whatever the switches."""

    def __init__(self, queries: Queries, lookup: ContractLookup, wake: Callable[[], None]) -> None:
        self._queries = queries
        self._lookup = lookup
        self._wake = wake

    async def handle(self, question: questions.CheckCompletion) -> questions.CompletionCheck:
        """Enqueues an evaluation of an active contract. Raises `Refused` (CONTRACT_NOT_FOUND)."""
        contract = await self._lookup.find(question.tenant, question.contract_id)
        gate = contract.readiness()
        if contract.status in ACTIVE_STATUSES:
            await self._queries.enqueue(question.tenant, question.contract_id, traces.traceparent())
            self._wake()
        return {
            "ready": gate.ready,
            "would_complete": would_complete(contract),
            "missing": list(gate.missing),
        }
