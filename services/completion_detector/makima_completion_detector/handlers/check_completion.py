"""The query `check_completion`: reports what the gate misses, and requests an evaluation of the contract."""

from collections.abc import Callable

from makima_kernel.telemetry import traces
from makima_schemas import questions
from makima_schemas.contract.model import ACTIVE_STATUSES

from makima_completion_detector.domain.next_action import would_complete
from makima_completion_detector.handlers.contract_lookup import ContractLookup
from makima_completion_detector.queries import Queries


class CheckCompletion:
    """Answers `CheckCompletion`.

    `would_complete` ignores the switches; the evaluation that follows obeys them. `wake` wakes the evaluation
    loop.
    """

    def __init__(self, queries: Queries, lookup: ContractLookup, wake: Callable[[], None]) -> None:
        self._queries = queries
        self._lookup = lookup
        self._wake = wake

    async def handle(self, question: questions.CheckCompletion) -> questions.CompletionCheck:
        """Enqueues a forced evaluation if the contract is active. Raises `Refused(CONTRACT_NOT_FOUND)`."""
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
