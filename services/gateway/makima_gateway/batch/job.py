"""Runs a batch page by page, one command per contract; a failure is listed and does not stop the rest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics
from makima_schemas.commands import Accepted
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.batch.ledger import AFFECTED, UNCHANGED, BatchLedger, Candidate, Outcome, Selection
from makima_gateway.batch.operations import NO_SUPERVISOR, OPERATIONS, ItemDispatcher, Operation
from makima_gateway.batch.schemas import Batch, BatchOperation
from makima_gateway.http.problems import invalid

BATCH_PAGE_SIZE: Final = (
    256  # contracts that are recorded in the ledger before the first of them gets its command
)
MAX_CONCURRENT_COMMANDS: Final = 32  # commands in flight
BATCH_POLL_SECONDS: Final = 0.25  # between two checks whether another process has finished the same batch
OTHER_RUN_TIMEOUT_SECONDS: Final = 20.0  # how long a request waits for that

_logger = structlog.get_logger(__name__)


def selection(operation: Operation, body: Batch) -> Selection:
    """Which contracts the batch selects.

    Raises `INVALID_REQUEST` for a status that the operation does not allow.
    """
    statuses: Sequence[ContractStatus] = body.status_filter or operation.statuses
    wrong = [status.value for status in statuses if status not in operation.allowed]
    if wrong:
        hint = f"{body.operation} allows {', '.join(operation.allowed)}"
        raise invalid(
            "body.status_filter",
            f"contains a status that {body.operation} does not allow: {', '.join(wrong)}",
            hint=hint,
        )
    hours = operation.older_than_hours if body.older_than_hours is None else body.older_than_hours
    return Selection(statuses, None if hours is None else timedelta(hours=hours), operation.stale)


def digest_of(body: Batch) -> bytes:
    """SHA-256 of the request, to detect an idempotency key that is reused with another request."""
    return hashlib.sha256(body.model_dump_json().encode()).digest()


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A batch request.

    The ledger records which contracts were selected and the outcome of each, so that a repeat with the same
    idempotency key resumes where the first request was interrupted.
    """

    dispatcher: ItemDispatcher  # sends the commands; has the principal and the batch's command id
    body: Batch

    @property
    def operation(self) -> Operation:
        return OPERATIONS[cast("BatchOperation", self.body.operation)]

    @property
    def _ledger(self) -> BatchLedger:
        return self.dispatcher.ledger

    @property
    def _tenant(self) -> str:
        return self.dispatcher.principal.tenant

    async def preview(self) -> list[Outcome]:
        """Dry run: the outcome expected for each selected contract, and which of them would be refused.

        Sends nothing.
        """
        pages = self._pages(selection(self.operation, self.body), None)
        return [_foreseen(self.operation, one) async for page in pages for one in page]

    async def execute(self) -> tuple[list[Outcome], int]:
        """Run or resume the batch: the outcomes, and the highest log position that its commands reached.

        If this batch was finished before, the recorded outcomes. Raises `IDEMPOTENCY_KEY_REUSED`, and
        `UNAVAILABLE` if another request is still running it after `OTHER_RUN_TIMEOUT_SECONDS`.
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
        self._log_finished(outcomes)
        return outcomes, position

    def _log_finished(self, outcomes: Sequence[Outcome]) -> None:
        """Log and count the finished batch."""
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
        """Take the batch's lease, waiting for it: a tuple with the position that was reached (null: none).

        None: another process has finished the batch meanwhile. Raises `UNAVAILABLE` after
        `OTHER_RUN_TIMEOUT_SECONDS`.
        """
        for _ in range(int(OTHER_RUN_TIMEOUT_SECONDS / BATCH_POLL_SECONDS)):
            leased = await self._ledger.lease(self._tenant, self.dispatcher.command_id)
            if leased is not None:
                return leased
            if await self._ledger.finished(self._tenant, self.dispatcher.command_id):
                return None
            await asyncio.sleep(BATCH_POLL_SECONDS)
        raise Refused(
            ErrorCode.UNAVAILABLE,
            "this batch is still running",
            hint="send it again with the same Idempotency-Key to get its response",
        )

    async def _work(self, wanted: Selection, reached: int | None) -> None:
        """Send the commands that were recorded but have no outcome, then those of the pages after `reached`.

        On any failure release the lease, so that a repeat can resume at once.
        """
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
        """Pages of candidates, newest first: none comes twice, and contracts created
        meanwhile do not come. Those that the request names are one page.
        """
        if self.body.ids is not None:
            if reached is None:
                yield [Candidate(one.id, None) for one in self.body.ids]
            return
        while page := await self._ledger.candidates(self._tenant, wanted, reached, BATCH_PAGE_SIZE):
            yield page
            reached = page[-1].created_position

    async def _ask(self, page: Sequence[Candidate]) -> None:
        """Send the commands of a page, at most `AT_ONCE` in flight, and record the outcomes."""
        room = asyncio.Semaphore(MAX_CONCURRENT_COMMANDS)
        positions = [0]

        async def one(candidate: Candidate) -> Outcome:
            async with room:
                reply = await self.operation.ask(self.dispatcher, candidate)
            if not isinstance(reply, Accepted):
                return Outcome(candidate.contract_id, reply.code, reply.detail)
            positions.append(reply.position)
            if self.body.operation == "cleanup_archived":
                _logger.info(
                    "batch.deleted", contract_id=candidate.contract_id, actor=self.dispatcher.principal.actor
                )
            return Outcome(candidate.contract_id, AFFECTED if reply.changed else UNCHANGED)

        outcomes = await asyncio.gather(*(one(candidate) for candidate in page))
        await self._ledger.record(self._tenant, self.dispatcher.command_id, outcomes, max(positions))


def _foreseen(operation: Operation, one: Candidate) -> Outcome:
    """The outcome that a dry run expects."""
    if operation.ask is ItemDispatcher.of_supervisor and one.target is None:
        return Outcome(one.contract_id, NO_SUPERVISOR.code, NO_SUPERVISOR.detail)
    return Outcome(one.contract_id, AFFECTED)
