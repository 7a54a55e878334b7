"""Gathers the facts of a contract: from the read model, and the newest event of each type from the log."""

from datetime import UTC, datetime, timedelta
from typing import Final, cast

from makima_kernel.event_log.log import Log
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.silence_timeout import silence_seconds
from makima_schemas.envelope import Recorded
from makima_schemas.identity import stream_name
from makima_schemas.maintenance import Windows
from makima_schemas.planned_maintenance import Plans
from makima_schemas.silence import contract_stream

from makima_gateway.diagnosis.contract_facts import ContractFacts
from makima_gateway.diagnosis.over_limit import over_limit
from makima_gateway.diagnosis.readiness import phase_standing
from makima_gateway.diagnosis.rivals import recent, rivals
from makima_gateway.diagnosis.unfit_heartbeats import unfit_heartbeats
from makima_gateway.read_model.agent_queries import AgentQueries
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.rows import ContractRow

MAX_QUESTIONS: Final = 100  # open questions that are loaded
MAX_AGENTS: Final = 500  # that are loaded
MAX_DAEMONS: Final = 500  # connected ones that are counted
MAX_TASKS: Final = 20  # pending ones that nobody can take, that are named
HISTORY_PAGE_EVENTS: Final = 1000  # events read from the log at once


async def contract_facts(
    queries: Queries,
    agents: AgentQueries,
    log: Log,
    latest: LatestHeartbeats,
    row: ContractRow,
    *,
    auto_advance: bool,
    settings: ContractsSettings,
    maintenance: Windows,
    plans: Plans,
) -> ContractFacts:
    """Load the facts of a contract.

    `auto_advance`: True if the settings allow contracts to advance by themselves.
    """
    found = await phase_standing(queries, row)
    now = datetime.now(UTC)
    since = recent(now, silence_seconds(settings, "supervisor"))
    supervisor = await queries.supervisor(row.tenant, row.id)
    serving = await queries.daemons_serving(row.tenant, row.owner_id, MAX_DAEMONS)
    return ContractFacts(
        contract=row,
        phase_standing=found,
        questions=await queries.open_questions(row.tenant, row.id, MAX_QUESTIONS),
        supervisor=supervisor,
        daemon=None if supervisor is None else await queries.daemon(row.tenant, supervisor.daemon_id),
        last=await _last(log, row, stream_name("contract", row.id))
        | await _last(log, row, contract_stream(row.id)),
        advances=auto_advance and row.auto_complete_enabled and found.phase.gate.auto_advance,
        unfit=unfit_heartbeats(latest, supervisor),
        rivals=rivals(latest, supervisor, since),
        over_limit=over_limit(latest, supervisor, since),
        agents=await agents.of_contract(row.tenant, row.id, MAX_AGENTS),
        untaken=await agents.tasks_to_take(row.tenant, row.id, MAX_TASKS),
        now=now,
        restart_timeout=timedelta(seconds=settings.restart_timeout_seconds),
        pending_timeout=timedelta(seconds=settings.task_pending_timeout_seconds),
        maintenance=maintenance.covering(
            owner=row.owner_id,
            daemon=None if supervisor is None else supervisor.daemon_id,
            contract=row.id,
        ),
        planned=plans.about(
            owner=row.owner_id,
            daemon=None if supervisor is None else supervisor.daemon_id,
            contract=row.id,
        ),
        serving=len(serving),
        able=sum(_room(latest, daemon_id) > 0 for daemon_id in serving),
    )


def _room(latest: LatestHeartbeats, daemon_id: str) -> int:
    """How many agents a daemon may still start; 1 if no heartbeat of it came since this process began."""
    heartbeat = latest.latest("daemon", daemon_id)
    return 1 if heartbeat is None else cast("int", heartbeat.heartbeat.get("capacity", 0))


async def _last(log: Log, row: ContractRow, stream: str) -> dict[str, Recorded]:
    """The newest event of each type in a stream."""
    last, version = dict[str, Recorded](), 0
    while page := await log.stream(row.tenant, stream, version, HISTORY_PAGE_EVENTS):
        last |= {recorded.type: recorded for recorded in page}
        version = page[-1].version
    return last
