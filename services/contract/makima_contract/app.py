"""Builds the contract service: connects decider, command handlers, projection and the starter loop."""

from collections.abc import Sequence
from typing import get_args

from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.quota import event_quota
from makima_kernel.commands.state_cache import StateCache
from makima_kernel.projections.projection import Applied
from makima_kernel.service.runtime import Service
from makima_kernel.telemetry import metrics
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.contract.events import ContractEvent, PhaseChanged, TaskReleased
from makima_schemas.contract.model import ReturnReason
from makima_schemas.questions import AskForRole, TryChangePhase

from makima_contract.domain.decider import ContractDecider, conflict_members
from makima_contract.domain.state import Contract
from makima_contract.handlers.agent_lookup import AgentLookup
from makima_contract.handlers.authorization import Authorization
from makima_contract.handlers.commands import ContractCommandHandler, commands, is_repeatable
from makima_contract.handlers.dry_run import DryRun
from makima_contract.handlers.role_requests import RoleRequests
from makima_contract.handlers.starter import Starter
from makima_contract.handlers.task_returns import TaskReturns
from makima_contract.projections import Unstarted
from makima_contract.queries import Queries

NAME = "contract"


async def build(service: Service) -> None:
    """Registers the command handlers, the query, the projection and the loop with the runtime."""
    settings = service.settings
    decider = ContractDecider(
        contract_types(settings.contract_types_file), settings.contracts.auto_complete_enabled
    )
    queries = Queries(service.pool)
    decisions: ContractCommandHandler = CommandHandler(
        "contract",
        decider,
        service.log,
        service.appender,
        describe=conflict_members,
        exists=lambda contract: contract.exists,
        on_event=_count,
        check_quota=event_quota(
            "events_per_contract",
            settings.quotas.events_per_contract,
            is_repeatable,
            of="contract",
            instead="go on in a new contract",
        ),
        consult=AgentLookup(queries, service.log, service.appender).consult,
    )
    starter, returns = Starter(queries, decisions), TaskReturns(queries, decisions)

    def applied(position: int, batch: Sequence[Applied]) -> None:
        starter.applied(position, batch)
        returns.applied(batch)

    service.project(Unstarted(), on_commit=applied)
    router = commands(NAME, decisions, Authorization(queries))
    contracts: StateCache[Contract, ContractEvent] = StateCache(
        decider, service.log, lambda: service.appender.session
    )
    router.query(TryChangePhase, DryRun(contracts, decider).handle)
    router.query(AskForRole, RoleRequests(service.log, contracts, queries, service.nats).handle)
    service.include(router)
    service.loop("start", starter.run)
    service.loop("return", returns.run)


def _count(event: ContractEvent) -> None:
    if isinstance(event, PhaseChanged):
        metrics.phase_transitions.inc()
    if isinstance(event, TaskReleased) and event.reason in get_args(ReturnReason):
        metrics.tasks_returned.labels(event.reason).inc()
