"""Builds the contract service: connects decider, command handlers, projection and the starter loop."""

from makima_kernel.commands.handler import CommandHandler
from makima_kernel.service.runtime import Service
from makima_kernel.telemetry import metrics
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.contract.events import ContractEvent, PhaseChanged
from makima_schemas.questions import TryChangePhase

from makima_contract.domain.decider import ContractDecider, conflict_members
from makima_contract.handlers.authorization import Authorization
from makima_contract.handlers.commands import commands, event_quota
from makima_contract.handlers.dry_run import DryRun
from makima_contract.handlers.starter import Starter
from makima_contract.projections import Unstarted
from makima_contract.queries import Queries

NAME = "contract"


async def build(service: Service) -> None:
    """Registers the command handlers, the query, the projection and the loop with the runtime."""
    settings = service.settings
    decider = ContractDecider(
        contract_types(settings.contract_types_file), settings.contracts.auto_complete_enabled
    )
    decisions = CommandHandler(
        "contract",
        decider,
        service.log,
        service.appender,
        describe=conflict_members,
        exists=lambda contract: contract.exists,
        on_event=_count,
        check_quota=event_quota(settings.quotas.events_per_contract),
    )
    queries = Queries(service.pool)
    starter = Starter(queries, decisions)
    service.project(Unstarted(), on_commit=starter.applied)
    router = commands(NAME, decisions, Authorization(queries))
    router.query(TryChangePhase, DryRun(service.log, decider).handle)
    service.include(router)
    service.loop("start", starter.run)


def _count(event: ContractEvent) -> None:
    if isinstance(event, PhaseChanged):
        metrics.phase_transitions.inc()
