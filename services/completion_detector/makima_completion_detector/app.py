"""Builds the completion-detector: connects projection, queries, validators and the evaluation loop."""

from makima_kernel.commands.router import CommandRouter
from makima_kernel.service.runtime import Service
from makima_schemas import questions, subjects

from makima_completion_detector.domain.next_action import Switches
from makima_completion_detector.handlers.check_completion import CheckCompletion
from makima_completion_detector.handlers.cleanup import CleanUp
from makima_completion_detector.handlers.contract_lookup import ContractLookup
from makima_completion_detector.handlers.evaluation_worker import EvaluationWorker
from makima_completion_detector.handlers.findings_writer import FindingsWriter
from makima_completion_detector.handlers.validator_pool import ValidatorPool
from makima_completion_detector.handlers.worktrees import Worktrees
from makima_completion_detector.handlers.worktrees import decode as decode_heartbeat
from makima_completion_detector.projections import Contracts
from makima_completion_detector.queries import Queries

NAME = "completion_detector"


async def build(service: Service) -> None:
    """Registers the projection, the two queries, the heartbeat subscription and the loop with the runtime."""
    settings = service.settings
    queries = Queries(service.pool)
    worktrees = Worktrees(service.nats)
    worker = EvaluationWorker(
        queries,
        service.bus,
        FindingsWriter(service.appender),
        worktrees,
        switches=Switches(
            feature=settings.feature_flags.auto_complete, advance=settings.contracts.auto_advance_phases
        ),
        cleanup_timeout_seconds=settings.contracts.cleanup_timeout_seconds,
        validators=ValidatorPool(settings.contracts.validator_timeout_seconds),
    )
    projector = service.project(Contracts(), on_commit=lambda _position, _applied: worker.wake())
    lookup = ContractLookup(queries, service.log, projector)
    router = CommandRouter(NAME)
    router.query(questions.CheckCompletion, CheckCompletion(queries, lookup, worker.wake).handle)
    router.query(questions.CleanupWorktrees, CleanUp(queries, lookup, worktrees).handle)
    service.include(router)
    service.broker.subscriber(
        subjects.daemon_heartbeat("*"), decoder=decode_heartbeat, no_reply=True, include_in_schema=False
    )(worktrees.observe)
    service.loop("ask", worker.run)
