"""Gathers the facts of a contract as they were at a moment, from the log alone.

What no event tells is left out: heartbeats that did not fit or were of two senders, and how much room daemons had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from makima_kernel.event_log.log import Log
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_schemas.agent import PRESENT
from makima_schemas.codec import decode
from makima_schemas.contract.model import TaskStatus
from makima_schemas.identity import DEFAULT_TENANT, stream_name
from makima_schemas.maintenance import Windows
from makima_schemas.maintenance import evolve as evolve_windows
from makima_schemas.planned_maintenance import Plans
from makima_schemas.planned_maintenance import evolve as evolve_plans
from makima_schemas.silence import MAINTENANCE_STREAM, contract_stream

from makima_gateway.diagnosis.contract_facts import ContractFacts
from makima_gateway.diagnosis.facts import MAX_QUESTIONS, MAX_TASKS
from makima_gateway.diagnosis.readiness import standing
from makima_gateway.read_model.history import Until, agent_streams, folded_until, pages
from makima_gateway.read_model.rows import AgentRow, DaemonRow, QuestionRow, Rows, TaskRow


@dataclass(frozen=True, slots=True)
class Past:
    """Up to `until`, which was at the time `now`. `roles` and `supervisors` are all that the contract ever had."""

    until: Until
    now: datetime
    roles: Sequence[str]
    supervisors: Sequence[str]


async def past_facts(
    log: Log, tenant: str, contract_id: str, past: Past, *, auto_advance: bool, settings: ContractsSettings
) -> ContractFacts | None:
    """As `contract_facts`; None: there was no such contract then. The settings are those of now."""
    own = {stream_name("contract", contract_id), contract_stream(contract_id)}
    others = [
        *agent_streams(contract_id, past.roles, past.supervisors),
        stream_name("completion", contract_id),
    ]
    rows, last = await folded_until(log, tenant, [*own, *others], past.until, newest_of=own)
    row = rows.contracts.get((tenant, contract_id))
    if row is None:
        return None
    tasks = sorted(rows.tasks.values(), key=lambda task: task.created_position)
    found = standing(row, [task for task in tasks if task.phase == row.phase])
    supervisor = rows.supervisors.get((tenant, row.supervisor_task_id or ""))
    daemon = None if supervisor is None else await _daemon(log, tenant, supervisor.daemon_id, past.until)
    windows, plans = await _maintenance(log, past.until)
    agents = [agent for _, agent in sorted(rows.agents.items()) if not agent.hidden]
    return ContractFacts(
        contract=row,
        phase_standing=found,
        questions=_open(rows)[:MAX_QUESTIONS],
        supervisor=supervisor,
        daemon=daemon,
        last=last,
        advances=auto_advance and row.auto_complete_enabled and found.phase.gate.auto_advance,
        agents=agents,
        untaken=_untaken(tasks, agents)[:MAX_TASKS],
        now=past.now,
        restart_timeout=timedelta(seconds=settings.restart_timeout_seconds),
        pending_timeout=timedelta(seconds=settings.task_pending_timeout_seconds),
        maintenance=windows.covering(
            owner=row.owner_id,
            daemon=None if supervisor is None else supervisor.daemon_id,
            contract=row.id,
        ),
        planned=plans.about(
            owner=row.owner_id,
            daemon=None if supervisor is None else supervisor.daemon_id,
            contract=row.id,
        ),
        able=None,
    )


def _open(rows: Rows) -> list[QuestionRow]:
    found = [each for each in rows.questions.values() if each.status == "open"]
    return sorted(found, key=lambda each: each.asked_position)


def _untaken(tasks: Sequence[TaskRow], agents: Sequence[AgentRow]) -> list[TaskRow]:
    there = {agent.role for agent in agents if agent.agent_status in PRESENT}
    return [
        task
        for task in tasks
        if task.status is TaskStatus.PENDING
        and not task.is_supervisor
        and task.role is not None
        and task.role not in there
    ]


async def _daemon(log: Log, tenant: str, daemon_id: str, until: Until) -> DaemonRow | None:
    rows, _ = await folded_until(log, tenant, [stream_name("daemon", daemon_id)], until)
    return rows.daemons.get((tenant, daemon_id))


async def _maintenance(log: Log, until: Until) -> tuple[Windows, Plans]:
    """The windows that were open, and those that were planned."""
    windows, plans = Windows(), Plans()
    async for events in pages(log, DEFAULT_TENANT, MAINTENANCE_STREAM, 0, None):
        for recorded in events:
            if not until.includes(recorded):
                return windows, plans
            event = decode(recorded.type, recorded.schema, recorded.data)
            windows, plans = evolve_windows(windows, recorded, event), evolve_plans(plans, recorded, event)
    return windows, plans
