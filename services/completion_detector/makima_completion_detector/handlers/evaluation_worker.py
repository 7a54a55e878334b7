"""Takes the looks that are owed: judge, record what was found, ask the contract for it, and strike the look off the list."""

import asyncio
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final
from uuid import uuid5

import structlog
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.appender import LOG_UNAVAILABLE
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

MAX_CONCURRENT_EVALUATIONS: Final = 64
EVALUATION_POLL_SECONDS: Final = 1.0  # looks that were put off, or left by a replica that died
PROJECTION_BEHIND_RETRY_SECONDS: Final = 0.05  # our projection has yet to see what the contract answered from
UNAVAILABLE_RETRY_SECONDS: Final = 1.0
CLEANUP_POLL_SECONDS: Final = 0.5
VALIDATORS_BUSY_RETRY_SECONDS: Final = 0.5  # as many validators run as may at once


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """This look stays owed; the next one in so many seconds."""

    seconds: float


class EvaluationWorker:
    """`run` takes looks until cancelled, many at once but never two at one contract; `wake` says that there may be new ones."""

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
        self._reactor = Reactor(poll_seconds=EVALUATION_POLL_SECONDS, unavailable_event="completion.database_away")
        self._free = asyncio.Semaphore(MAX_CONCURRENT_EVALUATIONS)

    def wake(self) -> None:
        self._reactor.wake()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as looks:
            await self._reactor.run(partial(self._take_next, looks))

    async def _take_next(self, looks: asyncio.TaskGroup) -> bool:
        """Begin the next look, as soon as one more may run; whether there was one."""
        await self._free.acquire()
        todo: Todo | None = None
        try:
            todo = await self._queries.claim()
        finally:
            if todo is None:
                self._free.release()
        if todo is None:
            return False
        looks.create_task(self._take(todo), name=f"look at {todo.contract_id}").add_done_callback(lambda _: self._free.release())
        return True

    async def _take(self, todo: Todo) -> None:
        """One look. Where the database or the log is away, the lease runs out and somebody looks again."""
        with traces.span("completion.look", parent=todo.traceparent, contract_id=todo.contract_id):
            try:
                later = await self.evaluate(todo)
                await (self._queries.done(todo) if later is None else self._queries.reschedule(todo, later.seconds))
                asyncio.get_running_loop().call_later(later.seconds if later else 0, self.wake)
            except LOG_UNAVAILABLE as error:
                structlog.get_logger().warning(
                    "completion.evaluation_failed", contract_id=todo.contract_id, reason=f"{type(error).__name__}: {error}"
                )

    async def evaluate(self, todo: Todo) -> RetryAfter | None:
        """Judge the contract as we know it and ask for what follows; None when this look is taken for good."""
        contract = await self._queries.snapshot(todo.tenant, todo.contract_id)
        if contract is None:
            return None
        found = next_action(contract, self._switches, insisted=todo.forced)
        structlog.get_logger().debug("completion.judged", contract_id=todo.contract_id, version=contract.version, found=repr(found))
        return await self._follow(todo, contract, found)

    async def _follow(self, todo: Todo, contract: Snapshot, found: Action) -> RetryAfter | None:
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
        if self._validators.busy:
            return RetryAfter(VALIDATORS_BUSY_RETRY_SECONDS)
        verdict = await self._validators.verdict(validator, contract)
        structlog.get_logger().info(
            "completion.validated", contract_id=todo.contract_id, validator=validator, passed=verdict.passed, reason=verdict.reason
        )
        return await self._ask(todo, contract, RecordValidation(contract.phase, validator, verdict.passed, verdict.reason))

    async def _clean_up(self, todo: Todo, contract: Snapshot) -> RetryAfter | None:
        """At once where no daemon holds a worktree; else when all have removed theirs, or their time is over."""
        expired = await self._queries.cleanup_expired(todo, contract.episode, self._cleanup_timeout)
        holders = self._worktrees.holders(await self._queries.daemons_of(todo.tenant, todo.contract_id))
        removed = await self._worktrees.remove(todo.contract_id, holders)
        by = cleaned(held=bool(holders), removed=removed, expired=expired)
        if by is None:
            return RetryAfter(CLEANUP_POLL_SECONDS)
        later = await self._ask(todo, contract, FinishCompletion(by))
        if later is None:
            await self._queries.cleaned_up(todo)
        return later

    async def _ask(self, todo: Todo, contract: Snapshot, command: ContractCommand) -> RetryAfter | None:
        """The command under an id that any replica and any repeat computes alike, for the version that was judged: asked again, it gets
        its first answer; asked of a newer version, a conflict. A validator that is asked again may say something else.
        """
        name = snake_case(type(command).__name__)
        said = f"/{command.passed}/{command.reason}" if isinstance(command, RecordValidation) else ""
        request = Request(
            command_id=uuid5(NAMESPACE, f"{todo.tenant}/{todo.contract_id}/{contract.version}/{name}{said}"),
            target=todo.contract_id,
            data=asdict(command),
            actor=ACTOR,
            tenant=todo.tenant,
            expected_version=contract.version,
        )
        reply = await self._bus.ask("contract", name, request)
        logger = structlog.get_logger().bind(contract_id=todo.contract_id, command=name, version=contract.version)
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
                # Refused at the very version that was judged: asking again would change nothing, its next event may.
                logger.warning("completion.refused", code=reply.code, detail=reply.detail)
                return None
