"""One batch: page after page of contracts, each asked for by itself; what fails is told, and stops nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics
from makima_schemas.commands import Accepted
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.batch.ledger import AFFECTED, UNCHANGED, BatchLedger, Candidate, Outcome, Selection
from makima_gateway.batch.operations import NO_SUPERVISOR, OPERATIONS, ItemDispatcher, Operation
from makima_gateway.batch.schemas import Batch
from makima_gateway.http.problems import invalid

BATCH_PAGE_SIZE: Final = 256
MAX_CONCURRENT_COMMANDS: Final = 32
BATCH_POLL_SECONDS: Final = 0.25  # between two looks whether another process has finished the same batch
OTHER_RUN_TIMEOUT_SECONDS: Final = 20.0

_logger = structlog.get_logger(__name__)


def selection(operation: Operation, body: Batch) -> Selection:
    """Raises `INVALID_REQUEST` for a status that the operation cannot begin from."""
    statuses: Sequence[ContractStatus] = body.status_filter or operation.statuses
    wrong = [status.value for status in statuses if status not in operation.allowed]
    if wrong:
        hint = f"{body.operation} takes {', '.join(operation.allowed)}"
        raise invalid("body.status_filter", f"{body.operation} does nothing to what is {', '.join(wrong)}", hint=hint)
    hours = operation.older_than_hours if body.older_than_hours is None else body.older_than_hours
    return Selection(statuses, None if hours is None else timedelta(hours=hours), operation.stale, operation.supervised)


def digest_of(body: Batch) -> bytes:
    """What makes a repeat the same."""
    return hashlib.sha256(body.model_dump_json().encode()).digest()


@dataclass(frozen=True, slots=True)
class BatchJob:
    """`dispatcher` knows whose intent this is. The ledger has what was planned and what came of it, so that whoever repeats the intent goes
    on where it was cut off.
    """

    dispatcher: ItemDispatcher
    body: Batch

    @property
    def operation(self) -> Operation:
        return OPERATIONS[self.body.operation]

    @property
    def _ledger(self) -> BatchLedger:
        return self.dispatcher.ledger

    @property
    def _tenant(self) -> str:
        return self.dispatcher.principal.tenant

    async def preview(self) -> list[Outcome]:
        """What would be asked for, and which of it would be in vain; nothing is."""
        pages = self._pages(selection(self.operation, self.body), None)
        return [_foreseen(self.operation, one) async for page in pages for one in page]

    async def execute(self) -> tuple[list[Outcome], int]:
        """What became of each, and the log's position behind all of it: the first answer, if this intent had one. Raises
        `IDEMPOTENCY_KEY_REUSED`, and `UNAVAILABLE` while another request is still at it.
        """
        wanted, intent = selection(self.operation, self.body), self.dispatcher.command_id
        answered = await self._ledger.begin(
            self._tenant, intent, digest_of(self.body), self.body.operation, self.dispatcher.principal.actor
        )
        leased = None if answered else await self._leased()
        if leased is None:
            return await self._ledger.outcomes(self._tenant, intent)
        await self._work(wanted, *leased)
        outcomes, position = await self._ledger.outcomes(self._tenant, intent)
        self._tell(outcomes)
        return outcomes, position

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        affected = sum(one.outcome == AFFECTED for one in outcomes)
        metrics.batch_operations.labels(self.body.operation).inc()
        _logger.info(
            "batch.done",
            operation=self.body.operation,
            affected=affected,
            errors=len(outcomes) - affected,
            actor=self.dispatcher.principal.actor,
            command_id=str(self.dispatcher.command_id),
        )

    async def _leased(self) -> tuple[int | None] | None:
        """Up to where it has come, once it is ours; None: another request has finished it meanwhile."""
        for _ in range(int(OTHER_RUN_TIMEOUT_SECONDS / BATCH_POLL_SECONDS)):
            leased = await self._ledger.lease(self._tenant, self.dispatcher.command_id)
            if leased is not None:
                return leased
            if await self._ledger.finished(self._tenant, self.dispatcher.command_id):
                return None
            await asyncio.sleep(BATCH_POLL_SECONDS)
        raise Refused(ErrorCode.UNAVAILABLE, "this batch is still at work", hint="ask again with the same Idempotency-Key for its answer")

    async def _work(self, wanted: Selection, reached: int | None) -> None:
        tenant, intent = self._tenant, self.dispatcher.command_id
        try:
            while left_over := await self._ledger.planned(tenant, intent, BATCH_PAGE_SIZE):
                await self._ask(left_over)
            async for page in self._pages(wanted, reached):
                await self._ledger.plan(tenant, intent, page)
                await self._ask(page)
            await self._ledger.finish(tenant, intent)
        except BaseException:
            with suppress(*DATABASE_UNAVAILABLE):
                await self._ledger.release(tenant, intent)
            raise

    async def _pages(self, wanted: Selection, reached: int | None) -> AsyncIterator[list[Candidate]]:
        """Newest first: what is made meanwhile is not met, and nothing is met twice."""
        while page := await self._ledger.candidates(self._tenant, wanted, reached, BATCH_PAGE_SIZE):
            yield page
            reached = page[-1].created_position

    async def _ask(self, page: Sequence[Candidate]) -> None:
        room = asyncio.Semaphore(MAX_CONCURRENT_COMMANDS)
        positions = [0]

        async def one(candidate: Candidate) -> Outcome:
            async with room:
                reply = await self.operation.ask(self.dispatcher, candidate)
            if not isinstance(reply, Accepted):
                return Outcome(candidate.contract_id, reply.code, reply.detail)
            positions.append(reply.position)
            if self.body.operation == "cleanup_archived":
                _logger.info("batch.deleted", contract_id=candidate.contract_id, actor=self.dispatcher.principal.actor)
            return Outcome(candidate.contract_id, AFFECTED if reply.changed else UNCHANGED)

        came = await asyncio.gather(*(one(candidate) for candidate in page))
        await self._ledger.record(self._tenant, self.dispatcher.command_id, came, max(positions))


def _foreseen(operation: Operation, one: Candidate) -> Outcome:
    if operation.ask is ItemDispatcher.of_supervisor and one.target is None:
        return Outcome(one.contract_id, NO_SUPERVISOR.code, NO_SUPERVISOR.detail)
    return Outcome(one.contract_id, AFFECTED)
