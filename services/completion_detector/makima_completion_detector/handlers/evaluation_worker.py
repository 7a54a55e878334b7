"""The evaluation loop: claims a to-do row, evaluates its contract, records the finding, sends the command,
and deletes the row.
"""

import asyncio
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final
from uuid import uuid5

import structlog
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.appender import LOG_UNAVAILABLE
from makima_kernel.event_log.errors import DATA_REFUSED
from makima_kernel.service.reactor import Reactor
from makima_kernel.telemetry import traces
from makima_schemas.commands import Accepted, Problem, Request
from makima_schemas.contract.commands import (
    AbortCompletion,
    AwaitConfirmation,
    ChangePhase,
    ContractCommand,
    FinishCompletion,
    RecordValidation,
    StartCompletion,
)
from makima_schemas.errors import RETRYABLE_CODES, ErrorCode

from makima_completion_detector.domain.next_action import (
    Abort,
    Action,
    Advance,
    CleanUp,
    Complete,
    Confirm,
    Nothing,
    Record,
    Switches,
    Validate,
    cleaned,
    next_action,
)
from makima_completion_detector.domain.snapshot import Snapshot
from makima_completion_detector.handlers.findings_writer import ACTOR, NAMESPACE, FindingsWriter
from makima_completion_detector.handlers.validator_pool import ValidatorPool
from makima_completion_detector.handlers.worktrees import Worktrees
from makima_completion_detector.queries import Queries, Todo

MAX_CONCURRENT_EVALUATIONS: Final = 64  # per replica
EVALUATION_POLL_SECONDS: Final = 1.0  # finds rows that were rescheduled, and rows whose replica died
PROJECTION_BEHIND_RETRY_SECONDS: Final = 0.05  # after VERSION_CONFLICT: our projection is behind the contract
UNAVAILABLE_RETRY_SECONDS: Final = 1.0  # after a retryable error of the contract service
CLEANUP_POLL_SECONDS: Final = 0.5  # between two requests to the daemons to remove worktrees
VALIDATORS_BUSY_RETRY_SECONDS: Final = 0.5  # all validator processes of this replica are in use


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Keep the to-do row and evaluate again after `seconds`."""

    seconds: float


class EvaluationWorker:
    """Evaluates contracts that have a to-do row, many concurrently.

    A contract has one to-do row, and the row is leased, so only one evaluation of it runs at a time (unless
    it takes longer than the lease).
    """

    def __init__(
        self,
        queries: Queries,
        bus: Bus,
        recorder: FindingsWriter,
        worktrees: Worktrees,
        *,
        switches: Switches,
        cleanup_timeout_seconds: float,
        validators: ValidatorPool,
    ) -> None:
        self._queries = queries
        self._bus = bus
        self._recorder = recorder
        self._worktrees = worktrees
        self._switches = switches
        self._cleanup_timeout = cleanup_timeout_seconds
        self._validators = validators
        self._reactor = Reactor(
            poll_seconds=EVALUATION_POLL_SECONDS, unavailable_event="completion.database_away"
        )
        self._free = asyncio.Semaphore(MAX_CONCURRENT_EVALUATIONS)  # permits for evaluations

    def wake(self) -> None:
        """Makes the loop look for to-do rows at once instead of at the next poll."""
        self._reactor.wake()

    async def run(self) -> None:
        """Claims and evaluates to-do rows until cancelled."""
        async with asyncio.TaskGroup() as evaluations:
            await self._reactor.run(partial(self._take_next, evaluations))

    async def _take_next(self, evaluations: asyncio.TaskGroup) -> bool:
        """Waits for a free permit, claims a to-do row and starts its evaluation as a task.

        True if there was a row.
        """
        await self._free.acquire()
        todo: Todo | None = None
        try:
            todo = await self._queries.claim()
        finally:
            if todo is None:
                self._free.release()
        if todo is None:
            return False
        evaluations.create_task(self._take(todo), name=f"evaluate {todo.contract_id}").add_done_callback(
            lambda _: self._free.release()
        )
        return True

    async def _take(self, todo: Todo) -> None:
        """Evaluates one claimed row, then deletes or reschedules it.

        If the database or the log is unavailable, the row keeps its lease. When that runs out, any replica
        claims the row again.
        """
        with traces.span("completion.look", parent=todo.traceparent, contract_id=todo.contract_id):
            try:
                later = await self.evaluate(todo)
                await (
                    self._queries.done(todo)
                    if later is None
                    else self._queries.reschedule(todo, later.seconds)
                )
                asyncio.get_running_loop().call_later(later.seconds if later else 0, self.wake)
            except DATA_REFUSED as error:
                # This contract's own trouble: the others go on, and it comes again when its lease runs out.
                structlog.get_logger().exception(
                    "completion.data_refused", contract_id=todo.contract_id, reason=str(error)
                )
            except LOG_UNAVAILABLE as error:
                structlog.get_logger().warning(
                    "completion.evaluation_failed",
                    contract_id=todo.contract_id,
                    reason=f"{type(error).__name__}: {error}",
                )

    async def evaluate(self, todo: Todo) -> RetryAfter | None:
        """Determines the next action from the snapshot and executes it. None: the to-do row is done."""
        contract = await self._queries.snapshot(todo.tenant, todo.contract_id)
        if contract is None:
            return None
        found = next_action(contract, self._switches, forced=todo.forced)
        structlog.get_logger().debug(
            "completion.judged", contract_id=todo.contract_id, version=contract.version, found=repr(found)
        )
        return await self._follow(todo, contract, found)

    async def _follow(self, todo: Todo, contract: Snapshot, found: Action) -> RetryAfter | None:
        """Executes the action: records the finding first, then sends the command."""
        match found:
            case Nothing():
                return None
            case Record():
                await self._recorder.found(todo.tenant, todo.contract_id, contract, "none")
                return None
            case Confirm():
                await self._recorder.found(todo.tenant, todo.contract_id, contract, "await_confirmation")
                return await self._ask(todo, contract, AwaitConfirmation(contract.phase))
            case Advance(to):
                await self._recorder.found(todo.tenant, todo.contract_id, contract, "advance")
                return await self._ask(todo, contract, ChangePhase(to))
            case Complete():
                await self._recorder.found(todo.tenant, todo.contract_id, contract, "complete")
                return await self._ask(todo, contract, StartCompletion(contract.phase))
            case Abort(reason):
                return await self._ask(todo, contract, AbortCompletion(reason))
            case Validate(validator):
                return await self._validate(todo, contract, validator)
            case CleanUp():
                await self._recorder.completing(todo.tenant, todo.contract_id, contract)
                return await self._clean_up(todo, contract)

    async def _validate(self, todo: Todo, contract: Snapshot, validator: str) -> RetryAfter | None:
        """Runs the validator and sends its verdict. Retries later if all validator processes are in use."""
        if self._validators.busy:
            return RetryAfter(VALIDATORS_BUSY_RETRY_SECONDS)
        verdict = await self._validators.verdict(validator, contract)
        structlog.get_logger().info(
            "completion.validated",
            contract_id=todo.contract_id,
            validator=validator,
            passed=verdict.passed,
            reason=verdict.reason,
        )
        return await self._ask(
            todo, contract, RecordValidation(contract.phase, validator, verdict.passed, verdict.reason)
        )

    async def _clean_up(self, todo: Todo, contract: Snapshot) -> RetryAfter | None:
        """Asks the daemons to remove the worktrees, and completes the contract.

        The completion follows at once if no daemon holds a worktree, else when all have confirmed the removal
        or the deadline has passed. Until then the row is retried every `CLEANUP_POLL_SECONDS`.
        """
        expired = await self._queries.cleanup_expired(todo, contract.episode, self._cleanup_timeout)
        holders = self._worktrees.holders(await self._queries.daemons_of(todo.tenant, todo.contract_id))
        answers = await self._worktrees.remove(todo.contract_id, holders)
        removed = all(
            answer.confirmed for answer in answers
        )  # what is kept has work in it; it holds nothing up
        by = cleaned(held=bool(holders), removed=removed, expired=expired)
        if by is None:
            return RetryAfter(CLEANUP_POLL_SECONDS)
        later = await self._ask(todo, contract, FinishCompletion(by))
        if later is None:
            await self._queries.cleaned_up(todo)
        return later

    async def _ask(self, todo: Todo, contract: Snapshot, command: ContractCommand) -> RetryAfter | None:
        """Sends the command to the contract, with the evaluated version as the expected version.

        The command id is computed from contract, version and command name, so a repeat by this or another
        replica gets the first answer, and a contract that has changed answers `VERSION_CONFLICT`. The id of a
        RecordValidation also contains the verdict, as a second run of the validator may give another one.
        """
        name = snake_case(type(command).__name__)
        suffix = f"/{command.passed}/{command.reason}" if isinstance(command, RecordValidation) else ""
        request = Request(
            command_id=uuid5(
                NAMESPACE, f"{todo.tenant}/{todo.contract_id}/{contract.version}/{name}{suffix}"
            ),
            target=todo.contract_id,
            data=asdict(command),
            actor=ACTOR,
            tenant=todo.tenant,
            expected_version=contract.version,
        )
        reply = await self._bus.ask("contract", name, request)
        logger = structlog.get_logger().bind(
            contract_id=todo.contract_id, command=name, version=contract.version
        )
        match reply:
            case Accepted():
                logger.info("completion.command_accepted", position=reply.position)
                return None
            case Problem(code=ErrorCode.VERSION_CONFLICT):
                return RetryAfter(PROJECTION_BEHIND_RETRY_SECONDS)
            case Problem() if reply.code in RETRYABLE_CODES:
                logger.warning("completion.command_unavailable", code=reply.code, detail=reply.detail)
                return RetryAfter(UNAVAILABLE_RETRY_SECONDS)
            case Problem():
                # Refused at exactly the evaluated version: a retry would be refused, too. The contract's next
                # event causes a new evaluation.
                logger.warning("completion.refused", code=reply.code, detail=reply.detail)
                return None
